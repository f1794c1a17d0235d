import { assert, describe, it } from "@effect/vitest"
import { ConnectorClient } from "@kps/client"
import { Connector, Delivery, Failure } from "@kps/connector"
import { Events } from "@kps/events"
import { StreamDirection } from "@kps/idl"
import { Channel, Transport } from "@kps/transport"
import * as TransportTest from "@kps/transport/testing/TransportTest"
import { Cause, Context, Effect, Exit, Fiber, Layer, Logger, References, Result, Schema, Scope, Stream } from "effect"
import { TestClock } from "effect/testing"
import { ConnectorServer } from "../src/index.ts"

class Away extends Schema.TaggedError<Away>()("Away", { place: Schema.String }) {
  override get message() {
    return `${this.place} is away`
  }
}

const Ticks = Connector.make("ticks")({
  version: "1.0",
  description: "Says its word over and over.",
  direction: "INGRESS",
  stream: Schema.Struct({ word: Schema.String }),
  config: Schema.Struct({
    every: Schema.Int.pipe(Schema.withDecodingDefaultTypeKey(Effect.succeed(1)))
  }),
  failures: { Away: Failure.retry({ code: "UNAVAILABLE", severity: "CRITICAL" }) },
  restartOn: (before, after) => {
    if (after.every === 13) throw new Error("canary-defect")
    return before.every !== after.every
  }
})

/** What the outside is like; a test changes it. */
class Outside extends Context.Service<Outside, { away: boolean; opened: number }>()("test/Outside") {}

const ticks = Ticks.toLayer(Effect.gen(function*() {
  const outside = yield* Outside
  return {
    ingress: Effect.fnUntraced(function*({ config, parameters }) {
      if (outside.away) return yield* new Away({ place: "the plant" })
      outside.opened++
      const { every } = yield* config.get
      return Delivery.lossy(
        Stream.map(
          Stream.tick(`${every} seconds`),
          () => new TextEncoder().encode(parameters.word)
        )
      )
    })
  }
}))

const outside = Layer.sync(Outside, () => ({ away: false, opened: 0 }))

/** A connector in this process, with a client: no socket, and no time but the test's. */
const live = Layer.unwrap(
  Effect.map(
    ConnectorServer.ConnectorRoutes,
    ({ routes }) => ConnectorClient.layerRoutes({ routes, connectorId: "c-1" })
  )
).pipe(
  Layer.provideMerge(ConnectorServer.layerRoutes(Ticks, { connectorId: "c-1" })),
  Layer.provideMerge(Layer.provideMerge(ticks, outside)),
  Layer.provideMerge(Layer.mergeAll(TransportTest.layer, Events.layer))
)

const word = (text: string, id = "s") => ({
  id,
  direction: StreamDirection.INGRESS,
  transportChannel: `out.${id}`,
  metadata: { word: text }
})

const read = (channel: string, count: number) =>
  Effect.gen(function*() {
    const transport = yield* Transport.Transport
    const messages = yield* transport.subscription(Channel.ChannelName.make(channel))
    return yield* messages.pipe(
      Stream.map(({ payloads }) => payloads.map((payload) => new TextDecoder().decode(payload)).join("")),
      Stream.take(count),
      Stream.runCollect,
      Effect.forkChild({ startImmediately: true })
    )
  })

describe("ConnectorServer", () => {
  describe("in this process, under the test's clock", () => {
    it.effect("runs what it is asked to run, and stops what it is not", () =>
      Effect.gen(function*() {
        const client = yield* ConnectorClient.ConnectorClient
        const words = yield* read("out.s", 3)

        yield* client.setStreams([word("a")])
        yield* TestClock.adjust("3 seconds")
        assert.deepStrictEqual(yield* Fiber.join(words), ["a", "a", "a"])
        assert.deepStrictEqual((yield* client.getStreams).map(({ id, subscribed }) => [id, subscribed]), [["s", true]])

        yield* client.setPayload([])
        assert.deepStrictEqual(yield* client.getStreams, [])
      }).pipe(Effect.provide(live)))

    it.effect("leaves a running stream alone when it is sent again, and restarts one that changed", () =>
      Effect.gen(function*() {
        const client = yield* ConnectorClient.ConnectorClient
        const outside = yield* Outside
        for (let i = 0; i < 5; i++) yield* client.setStreams([word("a")])
        assert.strictEqual(outside.opened, 1)

        yield* client.setStreams([word("b")])
        assert.strictEqual(outside.opened, 2)
        assert.deepStrictEqual((yield* client.getStreams).map(({ metadata }) => metadata), [{ word: "b" }])
      }).pipe(Effect.provide(live)))

    it.effect("restarts streams for a config when restartOn says so, with the new config", () =>
      Effect.gen(function*() {
        const client = yield* ConnectorClient.ConnectorClient
        const outside = yield* Outside
        yield* client.setStreams([word("a")])
        yield* client.setConfig({ every: 1 })
        assert.strictEqual(outside.opened, 1)

        yield* client.setConfig({ every: 10 })
        assert.strictEqual(outside.opened, 2)
        assert.deepStrictEqual(yield* client.getConfig, { every: 10 })
        const words = yield* read("out.s", 1)
        yield* TestClock.adjust("10 seconds")
        assert.deepStrictEqual(yield* Fiber.join(words), ["a"])
      }).pipe(Effect.provide(live)))

    it.effect("tells of a stream that does not start, keeps it, and has it running when outside is back", () =>
      Effect.gen(function*() {
        const client = yield* ConnectorClient.ConnectorClient
        const outside = yield* Outside
        outside.away = true
        const error = yield* Effect.flip(client.setStreams([word("a")]))
        assert(error._tag === "StreamsFailed")
        assert.strictEqual(error.code, "UNAVAILABLE")
        assert.deepInclude(error.failures[0], { streamId: "s", reason: "Away", message: "the plant is away" })
        assert.isTrue(error.isRetryable)
        assert.deepStrictEqual((yield* client.getStreams).map(({ subscribed }) => subscribed), [false])

        outside.away = false
        yield* TestClock.adjust("1 seconds")
        assert.deepStrictEqual((yield* client.getStreams).map(({ subscribed }) => subscribed), [true])
      }).pipe(Effect.provide(live), Effect.provideService(References.MinimumLogLevel, "None")))

    it.effect("gives violations to the client, typed", () =>
      Effect.gen(function*() {
        const client = yield* ConnectorClient.ConnectorClient
        const error = yield* Effect.flip(
          client.setStreams([{ ...word("a"), transportChannel: "a.*", direction: StreamDirection.EGRESS }])
        )

        assert(error._tag === "InvalidRequest")
        assert.strictEqual(error.reason, "InvalidPayloads")
        assert.deepStrictEqual(error.violations.map(({ field }) => field), [
          "payloads[0].stream.direction",
          "payloads[0].stream.transport_channel"
        ])
      }).pipe(Effect.provide(live)))

    it.effect("raises transportDisconnected while the broker is away, with the cause, and clears it", () =>
      Effect.gen(function*() {
        const client = yield* ConnectorClient.ConnectorClient
        const broker = yield* TransportTest.TransportTest
        const alerts = Effect.map(
          client.getEvents,
          (events) => events.flatMap(({ object }) => object.case === "alert" ? [object.value] : [])
        )
        assert.deepStrictEqual(yield* alerts, [])

        yield* broker.disconnect
        yield* TestClock.adjust("1 millis")
        const [alert] = yield* alerts
        assert.strictEqual(alert?.id, "transportDisconnected")
        assert.strictEqual(alert?.streamId, "")
        assert.strictEqual(
          alert?.metadata?.["ErrorMessage"],
          "ConnectionFailed: cannot connect to memory: the test took it away"
        )

        yield* broker.reconnect
        yield* TestClock.adjust("1 millis")
        assert.strictEqual((yield* alerts)[0]?.severity, 1)
        assert.strictEqual(yield* client.health(), "SERVING")
      }).pipe(Effect.provide(live)))

    it.effect("keeps the text of a defect in the log, under the reference that the caller gets", () =>
      Effect.gen(function*() {
        const client = yield* ConnectorClient.ConnectorClient
        const before = yield* client.getConfig
        const error = yield* Effect.flip(client.setConfig({ every: 13 }))

        assert(error._tag === "Rejected")
        assert.strictEqual(error.code, "INTERNAL")
        assert.notInclude(JSON.stringify(error), "canary-defect")
        const reference = /^internal error, reference ([0-9a-f]{16})$/.exec(error.text)?.[1]
        assert.isDefined(reference)
        const entry = logged.find(({ annotations }) => annotations["reference"] === reference)
        assert.include(entry?.text, "canary-defect")
        assert.deepStrictEqual(yield* client.getConfig, before)
      }).pipe(
        Effect.provide(Layer.provideMerge(
          live,
          Logger.layer([Logger.make(({ cause, fiber, message }) => {
            logged.push({
              text: `${String(message)} ${Cause.pretty(cause)}`,
              annotations: fiber.getRef(References.CurrentLogAnnotations)
            })
          })])
        ))
      ))

    const logged: Array<{ readonly text: string; readonly annotations: Readonly<Record<string, unknown>> }> = []

    it.effect("stops its streams when it is closed, and says UNAVAILABLE to who calls then", () =>
      Effect.gen(function*() {
        const scope = yield* Scope.make()
        const context = yield* Layer.buildWithScope(live, scope)
        const client = Context.get(context, ConnectorClient.ConnectorClient)
        yield* client.setStreams([word("a")])

        yield* Scope.close(scope, Exit.void)

        const late = yield* Effect.result(client.setStreams([word("b")]))
        assert(Result.isFailure(late))
      }))
  })

  it.live("serves over gRPC, on a port of its own, until it is closed", () =>
    Effect.gen(function*() {
      const { host, port } = yield* ConnectorServer.ConnectorServer
      yield* Effect.gen(function*() {
        const client = yield* ConnectorClient.ConnectorClient
        assert.strictEqual(yield* client.health("connector.v1.ConnectorService"), "SERVING")
        yield* client.setStreams([word("a")])
        assert.deepStrictEqual((yield* client.getStreams).map(({ subscribed }) => subscribed), [true])
      }).pipe(Effect.provide(ConnectorClient.layer({ endpoint: `${host}:${port}`, connectorId: "c-1" })))
    }).pipe(
      Effect.provide(
        ConnectorServer.layer(Ticks, { connectorId: "c-1", host: "127.0.0.1", port: 0 }).pipe(
          Layer.provide([ticks.pipe(Layer.provide(outside)), Transport.layerMemory, Events.layer])
        )
      ),
      Effect.provideService(References.MinimumLogLevel, "None")
    ))
})
