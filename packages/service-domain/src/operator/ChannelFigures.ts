/**
 * What passes on the channels of connector streams, counted while somebody looks.
 *
 * @since 0.1.0
 */
import { NatsConnection } from "@kps/transport"
import { jetstreamManager } from "@nats-io/jetstream"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as FiberHandle from "effect/FiberHandle"
import type * as Scope from "effect/Scope"
import * as StreamChannel from "../reconciler/StreamChannel.ts"
import type { Figures } from "../rest/OperatorViews.ts"
import { listen } from "./ChannelListener.ts"

/** How long it is counted on after somebody has looked. */
const lingerMillis = 10_000

/** What rates are over, and how often it is noted how far the counts are. */
const windowMillis = 5_000
const noteEvery = "1 second"

/** How often it is asked how much is stored that was not taken yet. */
const lagEvery = "2 seconds"

class Counter {
  messages = 0
  bytes = 0
  lastMillis: number | undefined
  lag: number | undefined
  private readonly startedMillis: number
  private notes: Array<{ readonly atMillis: number; readonly messages: number; readonly bytes: number }> = []

  constructor(startedMillis: number) {
    this.startedMillis = startedMillis
  }

  note(atMillis: number): void {
    this.notes.push({ atMillis, messages: this.messages, bytes: this.bytes })
    while (this.notes.length > 1 && this.notes[0]!.atMillis < atMillis - windowMillis) this.notes.shift()
  }

  at(nowMillis: number): Figures {
    const first = this.notes[0] ?? { atMillis: this.startedMillis, messages: 0, bytes: 0 }
    // What passed within the first second is no rate yet.
    const seconds = Math.max(1, (nowMillis - first.atMillis) / 1_000)
    return {
      messages: this.messages,
      bytes: this.bytes,
      messagesPerSecond: (this.messages - first.messages) / seconds,
      bytesPerSecond: (this.bytes - first.bytes) / seconds,
      lastMillis: this.lastMillis,
      lag: this.lag
    }
  }
}

/**
 * @category models
 * @since 0.1.0
 */
export interface ChannelFigures {
  /** The figures of a channel, as they are now. To be called for begins to count, and goes on for ten seconds more. */
  readonly look: Effect.Effect<(channel: string) => Figures>
}

/**
 * Makes it. `isStored`: the channels are JetStream's, and have readers that may be behind.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function*(
  { isStored }: { readonly isStored: boolean }
): Effect.fn.Return<ChannelFigures, never, NatsConnection.NatsConnection | Scope.Scope> {
  const connection = yield* NatsConnection.NatsConnection
  const clock = yield* Clock.Clock
  const fiber = yield* FiberHandle.make()
  const counters = new Map<string, Counter>()
  let lookedMillis = 0
  let startedMillis = 0

  const counterOf = (channel: string): Counter => {
    const known = counters.get(channel)
    if (known !== undefined) return known
    const counter = new Counter(startedMillis)
    counters.set(channel, counter)
    return counter
  }
  const counting = listen(connection, `${StreamChannel.prefix}>`, (channel, frame) => {
    const counter = counterOf(channel)
    counter.messages++
    counter.bytes += frame.byteLength
    counter.lastMillis = clock.currentTimeMillisUnsafe()
  })
  const isLooked = () => clock.currentTimeMillisUnsafe() - lookedMillis < lingerMillis
  const noting = Effect.gen(function*() {
    while (isLooked()) {
      const now = clock.currentTimeMillisUnsafe()
      for (const counter of counters.values()) counter.note(now)
      yield* Effect.sleep(noteEvery)
    }
    counters.clear()
  })
  // With many channels it takes longer than a note may.
  const lagging = Effect.gen(function*() {
    for (const [channel, lag] of yield* lags(connection)) counterOf(channel).lag = lag
  }).pipe(Effect.andThen(Effect.sleep(lagEvery)), Effect.forever)
  const watching = isStored ? Effect.all([counting, lagging], { concurrency: 2, discard: true }) : counting

  return {
    look: Effect.gen(function*() {
      const now = clock.currentTimeMillisUnsafe()
      if (now - lookedMillis >= lingerMillis) startedMillis = now
      lookedMillis = now
      yield* FiberHandle.run(fiber, Effect.raceFirst(watching, noting), { onlyIfMissing: true })
      return (channel) => (counters.get(channel) ?? new Counter(startedMillis)).at(clock.currentTimeMillisUnsafe())
    })
  }
})

/** Of each channel that is stored, how many messages its slowest reader has not acknowledged; nothing when that fails. */
const lags = (
  connection: NatsConnection.NatsConnection["Service"]
): Effect.Effect<ReadonlyMap<string, number>> =>
  Effect.gen(function*() {
    const client = yield* connection.current
    return yield* Effect.tryPromise(async () => {
      const manager = await jetstreamManager(client)
      const found = new Map<string, number>()
      for await (const { config, state } of manager.streams.list(`${StreamChannel.prefix}>`)) {
        if (state.consumer_count === 0) continue
        let lag = 0
        for await (const { num_ack_pending, num_pending } of manager.consumers.list(config.name)) {
          lag = Math.max(lag, num_pending + num_ack_pending)
        }
        for (const subject of config.subjects ?? []) found.set(subject, lag)
      }
      return found
    })
  }).pipe(Effect.orElseSucceed(() => new Map<string, number>()))
