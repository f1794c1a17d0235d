/** What a running stream says that it promises, and where it says it. */
import { assert, describe, it } from "@effect/vitest"
import { Delivery, Guarantee } from "@kps/connector"
import { Events } from "@kps/events"
import { JetStream, JetStreamTransport, NatsConnection } from "@kps/transport"
import * as NatsServer from "@kps/transport/testing/NatsServer"
import { jetstreamManager } from "@nats-io/jetstream"
import { Effect, Layer, Option, References, Schema, Stream } from "effect"
import * as EgressQueue from "../src/EgressQueue.ts"
import * as RunningStreams from "../src/RunningStreams.ts"
import * as SharedState from "../src/SharedState.ts"
import { StreamCounts } from "../src/StreamCounts.ts"
import { StreamReport } from "../src/StreamReport.ts"
import * as Window from "../src/Window.ts"
import {
  apply,
  bytes,
  channel,
  egress,
  Fake,
  type Hooks,
  idle,
  implementation,
  layer,
  publish,
  settle,
  spec,
  told
} from "./streams.ts"
import { until as eventually } from "./support/Until.ts"

const sink = Delivery.sink({ idempotent: false, deliver: () => Effect.void })

/** By its id. */
const sources: Record<string, Delivery.Source<never>> = {
  lossy: idle,
  acknowledged: Delivery.acknowledged(Stream.never),
  resumable: Delivery.resumable({ position: Schema.Int, from: () => Stream.never })
}

const hooks: Hooks = {
  ingress: ({ id }) => Effect.succeed(sources[id] ?? Delivery.lossy(Stream.make(bytes("a")))),
  egress: () => Effect.succeed(sink)
}

/** As the readings have them. */
const read = (id: string) =>
  Effect.map(
    RunningStreams.RunningStreams.use((streams) => streams.readings),
    (all) => all.find((one) => one.id === id)
  )

/** As the stream's status has them, decoded as whoever asks for events would. */
const inEvents = (id: string) =>
  Effect.gen(function*() {
    const all = yield* Effect.flatMap(Events.Events, ({ snapshot }) => snapshot)
    const status = all.find(({ object }) => object.case === "status" && object.value.streamId === id)
    const extra = status?.object.value?.metadata?.["ExtraMessage"]
    return yield* Schema.decodeUnknownEffect(Schema.Struct({
      guarantee: Schema.optionalKey(
        Schema.Struct({ level: Schema.String, facts: Schema.optionalKey(Schema.toCodecJson(Guarantee.Facts)) })
      )
    }))(extra)
  })

describe("The guarantee of a stream", () => {
  it("has the numbers of what runs", () => {
    assert.strictEqual(Guarantee.numbers.roundPayloads, Window.limits.payloads)
    assert.strictEqual(Guarantee.numbers.roundBytes, Window.limits.bytes)
    assert.strictEqual(Guarantee.numbers.batch, EgressQueue.limits.batch)
    assert.strictEqual(Guarantee.numbers.aside, EgressQueue.limits.aside)
  })

  it.effect("follows from the source that was opened, and is in the stream's first status", () =>
    Effect.gen(function*() {
      yield* apply(["lossy", "acknowledged", "resumable"].map((id) => spec(id)))

      for (const source of ["lossy", "acknowledged", "resumable"] as const) {
        const facts: Guarantee.Facts = {
          direction: "INGRESS",
          source,
          saved: false,
          fenced: false,
          leased: false,
          maxPayloadBytes: 1_048_576
        }
        assert.deepStrictEqual((yield* read(source))?.guarantee, facts)
        assert.deepStrictEqual((yield* inEvents(source)).guarantee, { level: "at-most-once", facts })
      }
    }).pipe(Effect.provide(layer(hooks))))

  it.effect("follows from the sink, the operator's choice and the failures table", () =>
    Effect.gen(function*() {
      yield* apply([egress("out")])

      assert.deepStrictEqual<unknown>((yield* read("out"))?.guarantee, {
        direction: "EGRESS",
        idempotent: false,
        from: "all",
        ordering: "none",
        horizonMillis: 5_000,
        deadLetters: "memory",
        drops: ["Stale"],
        leased: false
      })
    }).pipe(Effect.provide(layer(hooks, { delivery: { all: { ordering: "none", horizon: "5 seconds" } } }))))

  it.effect("is told by its level alone where there are so many streams that the rest would not fit", () =>
    Effect.gen(function*() {
      const events = yield* Events.Events
      const desk = { events, runFork: Effect.runFork, now: () => 0 }
      let many = true
      const report = new StreamReport(new StreamCounts("in", "INGRESS"), desk, () => many)
      const facts: Guarantee.Facts = {
        direction: "INGRESS",
        source: "lossy",
        saved: false,
        fenced: false,
        leased: false,
        maxPayloadBytes: 1_048_576
      }
      yield* report.promised(facts)
      yield* report.started
      assert.deepStrictEqual<unknown>((yield* inEvents("in")).guarantee, { level: "at-most-once" })
      many = false
      yield* report.healthy
      assert.deepStrictEqual<unknown>((yield* inEvents("in")).guarantee, { level: "at-most-once", facts })
    }).pipe(Effect.provide(Events.layer)))

  it.effect("is not told of a stream that is done", () =>
    Effect.gen(function*() {
      yield* apply([spec("ends")])
      yield* settle

      assert.strictEqual((yield* read("ends"))?.state, "Done")
      assert.isUndefined((yield* read("ends"))?.guarantee)
      assert.isUndefined((yield* inEvents("ends")).guarantee)
    }).pipe(Effect.provide(layer(hooks))))

  it.effect("has how long the sink takes beside it", () =>
    Effect.gen(function*() {
      yield* apply([egress("out")])
      assert.isUndefined((yield* read("out"))?.deliverP99Millis)
      yield* publish("ch.out", ["a"])
      yield* settle

      assert.isNumber((yield* read("out"))?.deliverP99Millis)
    }).pipe(Effect.provide(layer(hooks))))
})

describe.skipIf(NatsServer.skipReason() !== undefined)(
  NatsServer.suiteName("The guarantee of a stream, JetStream"),
  () => {
    it.live(
      "has the settings of the channel's stream as the broker has them, and the lease it runs by",
      () =>
        Effect.gen(function*() {
          const server = yield* NatsServer.make({ jetstream: true })
          const quiet = Layer.succeed(References.MinimumLogLevel, "None")
          const connector = RunningStreams.layer(Fake, { connectorId: "c-1" }).pipe(
            Layer.provide(implementation(hooks)),
            Layer.provide(SharedState.layer({ connectorId: "c-1", state: "jetstream" })),
            Layer.provideMerge([JetStreamTransport.layer({ servers: [server.url] }), Events.layer]),
            Layer.provideMerge(quiet)
          )
          yield* Effect.gen(function*() {
            const { current } = yield* NatsConnection.NatsConnection
            const manager = yield* Effect.flatMap(current, (client) => Effect.promise(() => jetstreamManager(client)))
            const jetStream = yield* JetStream.JetStream
            const name = yield* jetStream.stream(channel("ch.acknowledged"))
            yield* Effect.promise(() => manager.streams.update(name, { max_msgs: 7, duplicate_window: 3_000_000_000 }))
            const outcomes = yield* apply([spec("acknowledged"), egress("out")], "10 seconds")
            assert.deepStrictEqual(told(outcomes), ["acknowledged running", "out running"])
            yield* eventually(read("acknowledged"), (one) => one?.guarantee !== undefined)
            yield* eventually(read("out"), (one) => one?.guarantee !== undefined)
            const [into, out] = [yield* read("acknowledged"), yield* read("out")]
            const maxPayloadBytes = into?.guarantee?.direction === "INGRESS" ? into.guarantee.maxPayloadBytes : 0
            assert.isAbove(maxPayloadBytes, 1_000_000)
            assert.isBelow(maxPayloadBytes, 1_048_576)
            const stored = {
              storage: "file",
              replicas: 1,
              retention: "limits",
              discard: "old",
              maxAgeMillis: 604_800_000,
              maxBytes: null,
              maxMessages: 7,
              duplicateWindowMillis: 3_000
            } as const

            assert.deepStrictEqual(into?.guarantee, {
              direction: "INGRESS",
              source: "acknowledged",
              saved: true,
              fenced: true,
              leased: true,
              // of the broker's 1 MiB, what a message with its headers may have
              maxPayloadBytes,
              stored
            })
            assert.deepStrictEqual((yield* inEvents("acknowledged")).guarantee, {
              level: "at-least-once",
              facts: into!.guarantee!
            })
            const outFacts = Option.fromNullishOr(out?.guarantee)
            assert.deepStrictEqual<unknown>(Option.getOrNull(outFacts), {
              direction: "EGRESS",
              idempotent: false,
              from: "all",
              consumer: { name: "kps~c-1~out", ackWaitMillis: 30_000, maxAckPending: 1_000 },
              ordering: "strict",
              horizonMillis: 60_000,
              deadLetters: "jetstream",
              drops: ["Stale"],
              leased: true,
              stored: { ...stored, maxMessages: null, duplicateWindowMillis: 120_000 }
            })
            assert.strictEqual((yield* inEvents("out")).guarantee?.level, "at-least-once")
          }).pipe(Effect.provide(connector))
        }),
      60_000
    )
  }
)
