import { Events } from "@kps/events"
import { type Channel, JetStream, JetStreamTransport } from "@kps/transport"
import { jetstreamManager } from "@nats-io/jetstream"
import { connect } from "@nats-io/transport-node"
import { Context, Effect, Exit, Layer, References, Schedule, Scope, Stream } from "effect"
import type * as DeadLetters from "../../src/DeadLetters.ts"
import * as JetStreamBuckets from "../../src/JetStreamBuckets.ts"
import * as Positions from "../../src/Positions.ts"
import * as RunningStreams from "../../src/RunningStreams.ts"
import * as SharedState from "../../src/SharedState.ts"
import type { StreamSpec } from "../../src/StreamSpec.ts"
import { alertOf, Fake, type Hooks, implementation, text } from "../streams.ts"

const quiet = Layer.succeed(References.MinimumLogLevel, "None")

const transport = (url: string) =>
  JetStreamTransport.layer({
    servers: [url],
    reconnectDelay: "20 millis",
    maxReconnectDelay: "100 millis",
    ackTimeout: "300 millis",
    // What is on its way to a reader that ends comes when this is over.
    ackWait: "2 seconds"
  })

/** One replica of connector `c-1`, as a process has it, over JetStream; `end` ends it before the test does. */
export const replica = Effect.fnUntraced(function*(
  url: string,
  hooks: Hooks,
  options: RunningStreams.Options & {
    readonly instance?: string
    readonly state?: "memory" | "jetstream"
    readonly timeToLive?: number
    /** Default: those of the state. */
    readonly letters?: Layer.Layer<DeadLetters.DeadLetters>
  } = {}
) {
  const { instance = "c-1", letters = Layer.empty, state = "jetstream", timeToLive = 1_000 } = options
  const scope = yield* Scope.fork(yield* Effect.scope)
  const context = yield* Layer.build(
    RunningStreams.layer(Fake, { connectorId: instance, stopTimeout: "1 second", ...options }).pipe(
      Layer.provide([implementation(hooks), letters]),
      Layer.provide(SharedState.layer({ connectorId: instance, state, timeToLive })),
      Layer.provideMerge([transport(url), Events.layer]),
      Layer.provide(quiet)
    )
  ).pipe(Scope.provide(scope), Effect.orDie)
  const streams = Context.get(context, RunningStreams.RunningStreams)
  return {
    streams,
    apply: (...specs: ReadonlyArray<StreamSpec>) => streams.apply(specs, { timeout: "10 seconds" }),
    /** `1 Running`, `1 Retrying FAILED_PRECONDITION`. */
    states: Effect.map(
      streams.list,
      (all) =>
        all.map(({ spec, state }) =>
          `${spec.id} ${state._tag}${state._tag === "Retrying" ? ` ${state.failure.code}` : ""}`
        )
    ),
    alert: (id: string, streamId: string) => Effect.provideContext(alertOf(id, streamId), context),
    end: Scope.close(scope, Exit.void)
  }
})

interface Onlooker {
  readonly jetStream: JetStream.JetStream["Service"]
  readonly positions: Positions.Positions["Service"]
  /** Everything that a channel has. */
  readonly stored: (channel: Channel.ChannelName) => Effect.Effect<
    ReadonlyArray<{
      readonly text: string
      readonly epoch: number | undefined
      readonly position: string | undefined
    }>
  >
}

/** Somebody who looks at the broker, and writes by hand. */
export const onlooker = Effect.fnUntraced(function*(url: string): Effect.fn.Return<Onlooker, never, Scope.Scope> {
  const context = yield* Layer.build(
    Positions.layer.pipe(Layer.provideMerge(JetStreamBuckets.layer()), Layer.provideMerge(transport(url)))
  ).pipe(Effect.provide(quiet), Effect.orDie)
  const jetStream = Context.get(context, JetStream.JetStream)
  let looks = 0
  return {
    jetStream,
    positions: Context.get(context, Positions.Positions),
    stored: (channel: Channel.ChannelName) =>
      Effect.scoped(
        Effect.gen(function*() {
          const { sequence: last } = yield* jetStream.resumePoint(channel)
          if (last === 0) return []
          const consumer = yield* jetStream.consumer(channel, { name: `look-${++looks}`, maxAckPending: 1_000_000 })
          return yield* consumer.deliveries.pipe(
            Stream.takeUntil(({ sequence }) => sequence >= last),
            Stream.map(({ epoch, payloads, position }) => ({ text: payloads.map(text).join(), epoch, position })),
            Stream.runCollect
          )
        }).pipe(Effect.orDie)
      )
  }
})

/** Takes a bucket of the shared state away, as with the disk that has it. */
export const lose = (url: string, bucket: string): Effect.Effect<void> =>
  Effect.promise(async () => {
    const client = await connect({ servers: url })
    const { streams } = await jetstreamManager(client)
    await streams.delete(`KV_kps-${bucket}`)
    await client.close()
  })

/** Polls in real time, bounded. */
export const eventually = <A, R>(what: string, value: Effect.Effect<A, never, R>, isSo: (value: A) => boolean) => {
  let last: A | undefined
  return value.pipe(
    Effect.flatMap((value) => {
      last = value
      return isSo(value) ? Effect.succeed(value) : Effect.fail("not yet")
    }),
    Effect.retry(Schedule.spaced("20 millis")),
    Effect.timeoutOrElse({
      duration: "20 seconds",
      orElse: () => Effect.die(new Error(`never came: ${what}; still ${JSON.stringify(last)}`))
    })
  )
}
