/**
 * Ingress from a JetStream stream of an outside broker: by a durable consumer that is told of each message when it is
 * done with, or from a sequence on.
 */
import { Delivery } from "@kps/connector"
import type { Events } from "@kps/events"
import type { ConsumerConfig, ConsumerInfo, StreamInfo } from "@nats-io/jetstream"
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { type BrokerError, type JetStreamError, PositionUnfit, StreamUnfit } from "./BrokerError.ts"
import * as Gaps from "./Gaps.ts"
import * as Held from "./Held.ts"
import * as Session from "./JetStreamSession.ts"
import type { JetStream } from "./Parameters.ts"
import * as Pull from "./Pull.ts"
import { Recalled } from "./Recalled.ts"

export interface Options {
  readonly session: Session.Session
  readonly subject: string
  readonly parameters: JetStream
  readonly streamId: string
  /** Of the durable consumer, where the parameters name none. */
  readonly durable: string
}

/** What of a position is kept: the sequence, and when its message was stored, by which another one is told from it. */
export const Position = Schema.Struct({
  sequence: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER })),
  /** Milliseconds since the Unix epoch. Absent in one that was set by hand. */
  stored: Schema.optionalKey(Schema.Int)
})

type Position = typeof Position.Type

/** Times of one message, from two places, may be rounded differently. */
const roundingMillis = 1

const nanosPerMilli = 1_000_000
/** What another reader held comes at once. When nothing came for so long, some of it was removed from the stream. */
const recallPatience = "2 seconds"
/** A consumer whose reader is gone, or waits for a slow pipeline, is forgotten after so long. */
const inactiveMillis = 300_000

/** Tells of messages that were removed between two that were read. */
const watchGaps = (options: Options, stream: string, after: number, gaps: Gaps.Gaps) => {
  let last = after
  return (pulled: ReadonlyArray<Pull.Pulled>): Effect.Effect<void, JetStreamError> => {
    let from: number | undefined
    let to = 0
    for (const { sequence } of pulled) {
      if (sequence > last + 1) {
        from ??= last
        to = sequence
      }
      last = Math.max(last, sequence)
    }
    if (from === undefined) return Effect.void
    const before = from
    // what is between may be of other subjects: only what is gone may have been missed
    return Effect.flatMap(Session.infoOf(options.session, stream), ({ state }) => {
      const end = Math.min(state.first_seq, to)
      return end > before + 1 ? gaps.missed(before, end) : Effect.void
    })
  }
}

/** By a durable consumer: what is not acknowledged comes again, to whoever reads next, in order. */
export const acknowledged = Effect.fnUntraced(function*(
  options: Options
): Effect.fn.Return<Delivery.Source<BrokerError>, JetStreamError, Events.Events | Scope.Scope> {
  const { parameters, session, streamId, subject } = options
  const { broker, connection } = session
  const stream = yield* Session.streamOf(session, subject, parameters.stream)
  const consumer = yield* durableOf(options, stream)
  const { ack_floor: floor, name } = consumer
  const { state } = yield* Session.infoOf(session, stream)
  const gaps = yield* Gaps.make({ streamId, stream, subject })
  // 0 where nothing was acknowledged yet, and it began at the beginning of the stream as it was then
  const after = floor.stream_seq > 0 ? floor.stream_seq : Math.max(0, state.first_seq - 1)
  if (state.first_seq > after + 1) yield* gaps.missed(after, state.first_seq)
  yield* Held.recall(session, consumer, state.last_seq)
  const held = yield* Held.make(session, consumer)
  const pull = yield* Pull.make({ broker, connection, stream, consumer: name, isOnly: false })
  yield* Effect.addFinalizer(() => held.giveBack(pull.stop()))
  const look = watchGaps(options, stream, Math.max(after, state.first_seq - 1), gaps)
  const recalled = new Recalled(consumer.num_ack_pending)
  const pulled = Effect.suspend(() =>
    recalled.isAwaited
      ? Effect.map(Effect.timeoutOption(pull.next, recallPatience), (some) =>
        Option.isSome(some) ? recalled.take(held.take(some.value)) : recalled.rest())
      : Effect.map(pull.next, held.take)
  )
  const next = Effect.flatMap(pulled, (fresh) =>
    Effect.as(
      look(fresh),
      Arr.isReadonlyArrayNonEmpty(fresh)
        ? [{
          payloads: Arr.map(fresh, ({ data }) => data),
          ack: held.ack(fresh),
          nack: held.release(fresh)
        }]
        : []
    ))
  return Delivery.acknowledged(Stream.flattenIterable(Stream.fromEffectRepeat(next)))
})

const durableOf = Effect.fnUntraced(function*(
  { durable, parameters, session, subject }: Options,
  stream: string
): Effect.fn.Return<ConsumerInfo, JetStreamError> {
  const { ask, broker } = session
  const name = parameters.durable ?? durable
  const what = `durable consumer "${name}" of stream "${stream}"`
  const found = yield* ask(`look for ${what}`, (manager) => manager.consumers.info(stream, name), [
    Session.codes.consumerNotFound
  ])
  if (found === undefined) {
    return yield* made(session, `make ${what}`, stream, {
      durable_name: name,
      ack_policy: "explicit",
      ack_wait: Held.ackWaitNanos,
      filter_subject: subject,
      deliver_policy: parameters.start === "new" ? "new" : "all"
    })
  }
  const { ack_policy, deliver_subject, filter_subject, filter_subjects } = found.config
  const filter = filter_subjects?.join(", ") ?? filter_subject ?? ""
  const differences = [
    ...ack_policy === "explicit" ? [] : [`its ack policy is ${ack_policy}, want explicit`],
    ...deliver_subject === undefined ? [] : ["it is pushed, want one that is pulled from"],
    ...filter === subject ? [] : [`its subject is "${filter}", want "${subject}"`]
  ]
  if (differences.length === 0) return found
  return yield* new StreamUnfit({ broker, problem: `${what} is another one: ${differences.join("; ")}` })
})

const made = (
  { ask, broker }: Session.Session,
  what: string,
  stream: string,
  config: Partial<ConsumerConfig>
): Effect.Effect<ConsumerInfo, JetStreamError> =>
  Effect.flatMap(
    ask(what, (manager) => manager.consumers.add(stream, config), [Session.codes.streamNotFound]),
    (info) =>
      info === undefined
        ? Effect.fail(new StreamUnfit({ broker, problem: `there is no stream "${stream}" any more` }))
        : Effect.succeed(info)
  )

/** From a sequence on: the position after each message is its own. */
export const resumable = Effect.fnUntraced(function*(
  options: Options
): Effect.fn.Return<Delivery.Source<BrokerError>, JetStreamError, Events.Events | Scope.Scope> {
  const { parameters, session, streamId, subject } = options
  const stream = yield* Session.streamOf(session, subject, parameters.stream)
  const gaps = yield* Gaps.make({ streamId, stream, subject })

  const from = (at: Option.Option<Position>): Stream.Stream<Delivery.Positioned<Position>, BrokerError> =>
    Stream.unwrap(Effect.gen(function*() {
      const { broker, connection } = session
      const info = yield* Session.infoOf(session, stream)
      if (Option.isSome(at)) yield* check(session, info, at.value)
      const { first_seq, last_seq } = info.state
      // the first of a stream that never had a message is 0
      const begin = parameters.start === "new" ? last_seq : Math.max(0, first_seq - 1)
      const after = Option.match(at, { onNone: () => begin, onSome: ({ sequence }) => sequence })
      if (first_seq > after + 1) yield* gaps.missed(after, first_seq)
      const { name } = yield* made(session, `make a consumer of stream "${stream}"`, stream, {
        ack_policy: "none",
        mem_storage: true,
        inactive_threshold: inactiveMillis * nanosPerMilli,
        filter_subject: subject,
        deliver_policy: "by_start_sequence",
        opt_start_seq: after + 1
      })
      const pull = yield* Pull.make({ broker, connection, stream, consumer: name, isOnly: true })
      const look = watchGaps(options, stream, Math.max(after, first_seq - 1), gaps)
      return Stream.fromEffectRepeat(Effect.flatMap(pull.next, (pulled) => {
        const payloads = Arr.map(pulled, ({ data }) => data)
        const positionOf = (index: number) => positionAt(pulled[index] ?? Arr.lastNonEmpty(pulled))
        return Effect.as(look(pulled), { payloads, position: positionAt(Arr.lastNonEmpty(pulled)), positionOf })
      }))
    }))
  return Delivery.resumable({ position: Position, from })
})

const positionAt = ({ sequence, storedMillis }: Pull.Pulled): Position => ({ sequence, stored: storedMillis })

/** Fails where the position is none of this stream: one that was made anew, or lost its end. */
const check = Effect.fnUntraced(function*(
  { ask, broker }: Session.Session,
  { config, state }: StreamInfo,
  { sequence, stored }: Position
): Effect.fn.Return<void, JetStreamError | PositionUnfit> {
  const unfit = (problem: string) => new PositionUnfit({ broker, stream: config.name, sequence, problem })
  if (sequence > state.last_seq) return yield* unfit(`its last message is ${state.last_seq}`)
  if (stored === undefined || sequence < state.first_seq) return
  const message = yield* ask(
    `read message ${sequence} of stream "${config.name}"`,
    (manager) => manager.streams.getMessage(config.name, { seq: sequence }),
    [Session.codes.noMessage]
  )
  if (message === undefined || message === null) return
  const at = message.time.getTime()
  if (Math.abs(at - stored) <= roundingMillis) return
  return yield* unfit(
    `the message with this number was stored at ${new Date(at).toISOString()}, and the one that was read at ${
      new Date(stored).toISOString()
    }: the stream was made anew, or lost its end`
  )
})
