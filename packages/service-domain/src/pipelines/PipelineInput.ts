/**
 * An input channel of a pipeline.
 *
 * @since 0.1.0
 */
import { type Channel, type JetStream, Packing, type Transport, type TransportError } from "@kps/transport"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { createHash } from "node:crypto"
import { type Arrivals, idOf } from "./Arrivals.ts"
import type { Hopper, Item } from "./Hopper.ts"
import type { Monitor } from "./Monitor.ts"
import type { PipelineInput } from "./PipelineDescription.ts"
import type { PipelineOutput } from "./PipelineOutput.ts"
import { Sampling } from "./Sampling.ts"

/** The waits before a channel is read again. */
const firstMillis = 250
const mostMillis = 5_000

/** Most messages that wait for their acknowledgement. */
const maxAckPending = 4_096

/** What an input is made with. */
export interface InputOptions {
  readonly pipelineId: string
  readonly consumer: string
  readonly input: PipelineInput
  /** Its index in the description. */
  readonly index: number
  readonly transport: Transport.Transport["Service"]
  readonly jetStream: JetStream.JetStream["Service"] | undefined
  readonly samplingMillis: number | undefined
  readonly monitor: Monitor
  readonly arrivals: Arrivals
  /** Before the first function; none where messages are passed on as they are. */
  readonly to: Hopper | undefined
  readonly output: PipelineOutput
  readonly drainWhen: Effect.Effect<void>
}

/** Reads the channel until it is drained, and all that came is settled. What is in the way is told, and tried again. */
export const run = (options: InputOptions): Effect.Effect<void> => {
  const { arrivals, input, monitor } = options
  const part = `input ${JSON.stringify(input.channel)}`
  const sampling = options.samplingMillis === undefined ? undefined : new Sampling(options.samplingMillis)
  monitor.expect(part)
  let failures = 0
  const ready = Effect.sync(() => {
    failures = 0
    monitor.alerts.clear("inputFailed", input.channel)
    monitor.ready(part)
  })
  const once = options.jetStream === undefined
    ? core(options, sampling, ready)
    : stored(options, options.jetStream, sampling, ready)
  const again = (error: TransportError.TransportError): Effect.Effect<void> =>
    Effect.suspend(() => {
      monitor.alerts.raise("inputFailed", input.channel, `${part} cannot be read: ${error.message}`)
      monitor.failing(part, `${part} cannot be read: ${error.message}`)
      const wait = Effect.sleep(Duration.millis(Math.min(mostMillis, firstMillis * 2 ** Math.min(failures++, 16))))
      return Effect.raceFirst(Effect.as(wait, loop), Effect.as(options.drainWhen, Effect.void)).pipe(Effect.flatten)
    })
  const loop: Effect.Effect<void> = Effect.matchEffect(
    Effect.scoped(Effect.andThen(once, Effect.suspend(() => arrivals.whenSettled))),
    { onFailure: again, onSuccess: () => Effect.void }
  )
  return loop
}

const dropped = ({ input, monitor }: InputOptions, count: number, why: string) =>
  Effect.sync(() => {
    monitor.counters.dropped += count
    monitor.alerts.raise("messagesDropped", input.channel, `input ${JSON.stringify(input.channel)}: ${why}`, "", count)
  })

const malformed = (options: InputOptions, error: TransportError.TransportError) => dropped(options, 1, error.message)

const core = Effect.fnUntraced(function*(
  options: InputOptions,
  sampling: Sampling | undefined,
  ready: Effect.Effect<void>
): Effect.fn.Return<void, TransportError.TransportError, Scope.Scope> {
  const { arrivals, consumer, drainWhen, index, input, monitor, output, to, transport } = options
  const messages = yield* transport.subscription(input.channel, {
    queue: consumer,
    drainWhen,
    onMalformed: (error) => malformed(options, error),
    onDropped: (count) => dropped(options, count, `${count} messages came faster than they were taken`),
    onUnread: (payloads) => {
      monitor.counters.received += payloads
      monitor.counters.dropped += payloads
    }
  })
  yield* ready
  yield* Stream.runForEachArray(messages, (array) => {
    const taken = sampled(array, sampling, options)
    if (to === undefined) return output.publish(taken)
    const items: Array<Item> = []
    let arrival = 0
    for (const message of taken) {
      arrival = arrivals.add()
      for (const payload of message.payloads) {
        items.push({ payload, timestampNanos: message.timestampNanos, input: index, arrival })
      }
    }
    return taken.length === 0 ? Effect.void : to.put({ items, through: arrival })
  })
})

/** What is let in, counted. */
const sampled = (
  array: ReadonlyArray<Channel.Message>,
  sampling: Sampling | undefined,
  { monitor }: InputOptions
): ReadonlyArray<Channel.Message> => {
  const count = Packing.payloadCount(array)
  monitor.counters.received += count
  if (sampling === undefined) return array
  const chosen = sampling.of(array, monitor.now())
  monitor.counters.sampledOut += chosen === undefined ? count : count - 1
  return chosen === undefined ? [] : [{ payloads: [chosen[1]], timestampNanos: chosen[0].timestampNanos }]
}

const stored = Effect.fnUntraced(function*(
  options: InputOptions,
  jetStream: JetStream.JetStream["Service"],
  sampling: Sampling | undefined,
  ready: Effect.Effect<void>
): Effect.fn.Return<void, TransportError.TransportError, Scope.Scope> {
  const { arrivals, drainWhen, index, input, monitor, output, pipelineId, to } = options
  const prefix = createHash("sha256").update(`${pipelineId}\n${input.channel}`).digest("base64url").slice(0, 16)
  const consumer = yield* jetStream.consumer(input.channel, {
    name: options.consumer,
    from: "new",
    exclusive: true,
    maxAckPending,
    drainWhen,
    onMalformed: ({ error }) => malformed(options, error),
    onMissed: (count) => dropped(options, count, `${count} messages were removed before they were read`)
  })
  yield* ready
  yield* Stream.runForEachArray(consumer.deliveries, (array) => {
    monitor.counters.received += Packing.payloadCount(array)
    const chosen = sampling?.of(array, monitor.now())
    const messages: Array<JetStream.PublishedMessage> = []
    const items: Array<Item> = []
    const over: Array<JetStream.Delivery> = []
    let arrival = 0
    for (const delivery of array) {
      const payloads = sampling === undefined ? delivery.payloads : delivery === chosen?.[0] ? [chosen[1]] : []
      monitor.counters.sampledOut += delivery.payloads.length - payloads.length
      if (payloads.length === 0) {
        over.push(delivery)
        continue
      }
      const { timestampNanos } = delivery
      if (to === undefined) {
        messages.push({ payloads, timestampNanos, id: idOf(prefix, delivery, 0) })
        continue
      }
      arrival = arrivals.addDelivery(delivery, consumer, prefix)
      for (const payload of payloads) items.push({ payload, timestampNanos, input: index, arrival })
    }
    if (to === undefined) return Effect.andThen(output.publish(messages), consumer.ack(array))
    const put = items.length === 0 ? Effect.void : to.put({ items, through: arrival })
    return over.length === 0 ? put : Effect.andThen(consumer.ack(over), put)
  })
})
