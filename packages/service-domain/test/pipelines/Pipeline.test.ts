import { assert, describe, it } from "@effect/vitest"
import { Transport, TransportError } from "@kps/transport"
import { Duration, Effect, Exit, Latch, Scope } from "effect"
import { TestClock } from "effect/testing"
import * as Pipeline from "../../src/pipelines/Pipeline.ts"
import { channelOf } from "../../src/pipelines/PipelineDescription.ts"
import { alertOf, channel, collect, describePipeline, js, publish, start, until } from "./rig.ts"

const patience = 60_000

const inMemory = <A, E>(effect: Effect.Effect<A, E, Transport.Transport | Scope.Scope>) =>
  effect.pipe(Effect.scoped, Effect.provide(Transport.layerMemory))

const failure = (reason: TransportError.TransportErrorReason) =>
  Effect.fail(new TransportError.TransportError({ reason }))

const away = (handedOver: number) =>
  new TransportError.NotConnected({ servers: ["a:4222"], handedOver, cause: new Error("gone") })

/** The pipeline's own view of the transport. */
const withTransport = (
  change: (transport: Transport.Transport["Service"]) => Partial<Transport.Transport["Service"]>
) =>
  Effect.updateService(
    Transport.Transport,
    (transport) => Transport.Transport.of({ ...transport, ...change(transport) })
  )

describe("a pipeline without functions", () => {
  it.effect("passes frames on as they are, from every input to every output", () =>
    inMemory(Effect.gen(function*() {
      const transport = yield* Transport.Transport
      const [one, two] = [yield* collect("out"), yield* collect("two")]
      const { report } = yield* start({
        inputs: ["a", "b"].map((name) => ({ channel: channel(name), topic: name, selectors: {} })),
        outputs: [channel("out"), channel("two")]
      })
      const payloads = ["1", "2"].map((text) => new TextEncoder().encode(text))
      yield* transport.publish(channel("a"), { payloads, timestampNanos: 7n })
      yield* publish("b", ["3"])

      assert.deepStrictEqual((yield* until(one, ({ length }) => length === 3)).toSorted(), ["1", "2", "3"])
      assert.deepStrictEqual((yield* until(two, ({ length }) => length === 3)).toSorted(), ["1", "2", "3"])
      const { alerts, counters, state } = yield* report
      assert.deepStrictEqual(counters, {
        received: 3,
        sampledOut: 0,
        published: 3,
        failed: 0,
        dropped: 0,
        inFlight: 0
      })
      assert.deepStrictEqual([state.status, alerts], ["RUNNING", []])
    })))

  it.effect("runs though no stream fits its selectors", () =>
    inMemory(Effect.gen(function*() {
      const { report } = yield* start({ inputs: [] })

      assert.strictEqual((yield* report).state.status, "RUNNING")
    })))

  it.effect("lets one message of each input in for each sampling interval", () =>
    inMemory(Effect.gen(function*() {
      const out = yield* collect("out")
      const { report } = yield* start({
        inputs: ["a", "b"].map((name) => ({ channel: channel(name), topic: name, selectors: {} })),
        samplingInterval: Duration.seconds(10)
      })
      yield* publish("a", ["a1", "a2"])
      yield* publish("b", ["b1"])
      yield* until(report, ({ counters }) => counters.received === 3)
      yield* TestClock.adjust("9 seconds")
      yield* publish("a", ["a3"])
      yield* until(report, ({ counters }) => counters.received === 4)
      yield* TestClock.adjust("1 second")
      yield* publish("a", ["a4"])

      assert.deepStrictEqual((yield* until(out, ({ length }) => length === 3)).toSorted(), ["a1", "a4", "b1"])
      assert.deepInclude((yield* report).counters, { received: 5, sampledOut: 2, published: 3 })
    })))

  it.live("sends what the connection did not take again, and not what it took", () =>
    inMemory(Effect.gen(function*() {
      const out = yield* collect("out")
      let tries = 0
      const { report } = yield* start({}).pipe(withTransport((transport) => ({
        publishAll: (name, messages, options) =>
          tries++ === 0
            ? Effect.andThen(transport.publishAll(name, messages.slice(0, 1), options), failure(away(1)))
            : transport.publishAll(name, messages, options)
      })))
      yield* publish("in", ["1", "2", "3"])
      const failing = yield* until(report, ({ state }) => state.status === "FAILING")

      assert.deepStrictEqual(yield* until(out, ({ length }) => length === 3), ["1", "2", "3"])
      assert.match(failing.state.cause ?? "", /^output "out" does not take messages: not connected to a:4222/)
      const over = yield* until(report, ({ state }) => state.status === "RUNNING")
      assert.deepInclude(alertOf(failing, "outputFailed"), { state: "FAILED", severity: "CRITICAL" })
      assert.deepInclude(alertOf(over, "outputFailed"), { state: "HEALTHY", severity: "INFO" })
    })), patience)

  it.live("reads its input again after it failed", () =>
    inMemory(Effect.gen(function*() {
      const out = yield* collect("out")
      let tries = 0
      const pipeline = yield* Pipeline.run(describePipeline()).pipe(withTransport((transport) => ({
        subscription: (name, options) =>
          tries++ === 0
            ? failure(new TransportError.PermissionDenied({ channel: name, operation: "subscribe" }))
            : transport.subscription(name, options)
      })))
      const failing = yield* until(pipeline.report, ({ state }) => state.status === "FAILING")
      yield* pipeline.running
      yield* publish("in", ["1"])

      assert.deepStrictEqual(yield* until(out, ({ length }) => length === 1), ["1"])
      assert.strictEqual(
        alertOf(failing, "inputFailed")?.message,
        "input \"in\" cannot be read: no permission to subscribe on \"in\""
      )
    })), patience)
})

describe("a pipeline", () => {
  it.live("drops a message that is larger than its output takes, and says so", () =>
    inMemory(Effect.gen(function*() {
      const out = yield* collect("out")
      const { report } = yield* start({
        functions: [
          js("exports.main = (ctx, msg) => { ctx.send(msg); ctx.send(Buffer.alloc(2e6)); ctx.send(msg + '!') }")
        ]
      })
      yield* publish("in", ["1", "2"])

      assert.deepStrictEqual(yield* until(out, ({ length }) => length === 4), ["1", "1!", "2", "2!"])
      const told = yield* report
      assert.strictEqual(told.counters.dropped, 2)
      assert.match(
        alertOf(told, "messagesDropped")?.message ?? "",
        /^output "out" dropped a message: message of 20000\d\d bytes on "out" is over the limit of 1048576 bytes$/
      )
    })), patience)

  it.live("is the input of another one", () =>
    inMemory(Effect.gen(function*() {
      const [one, two] = [yield* collect("out"), yield* collect("two")]
      yield* start({
        functions: [js("exports.main = (ctx, msg) => ctx.send(msg + '!')")],
        outputs: [channel("out"), channelOf("p")]
      })
      yield* start({
        id: "after",
        inputs: [{ channel: channelOf("p"), topic: "p", selectors: {} }],
        outputs: [channel("two")],
        functions: [js("exports.main = (ctx, msg) => ctx.send(ctx.get_topic() + msg)")]
      })
      yield* publish("in", ["1"])

      assert.deepStrictEqual(yield* until(one, ({ length }) => length === 1), ["1!"])
      assert.deepStrictEqual(yield* until(two, ({ length }) => length === 1), ["p1!"])
    })), patience)

  it.live("puts out what is on its way when it is stopped", () =>
    inMemory(Effect.gen(function*() {
      const out = yield* collect("out")
      const scope = yield* Scope.make()
      const { report } = yield* Scope.provide(
        start(
          {
            functions: [
              js("exports.main = async (ctx, msg) => { await new Promise((r) => setTimeout(r, 5)); ctx.send(msg) }")
            ]
          },
          { drainTimeout: "30 seconds" }
        ),
        scope
      )
      const texts = Array.from({ length: 50 }, String)
      yield* publish("in", texts)
      yield* until(report, ({ counters }) => counters.published > 0)
      yield* Scope.close(scope, Exit.void)

      assert.deepStrictEqual(yield* until(out, ({ length }) => length === 50), texts)
      assert.strictEqual((yield* report).state.status, "STOPPED")
    })), patience)

  it.live("stops in time though a function hangs", () =>
    inMemory(Effect.gen(function*() {
      const scope = yield* Scope.make()
      const hangs = js("exports.main = () => { for (;;); }")
      const { report } = yield* Scope.provide(start({ functions: [hangs] }, { drainTimeout: "100 millis" }), scope)
      yield* publish("in", ["1"])
      yield* until(report, ({ counters }) => counters.inFlight === 1)
      const stopped = yield* Effect.timeoutOption(Scope.close(scope, Exit.void), "20 seconds")

      assert.strictEqual(stopped._tag, "Some")
    })), patience)

  it.live("takes nothing in until its functions are started", () =>
    inMemory(Effect.gen(function*() {
      const gate = yield* Latch.make()
      let subscribed = false
      const pipeline = yield* Pipeline.run(describePipeline({ functions: [js("throw new Error('not yet')")] })).pipe(
        withTransport((transport) => ({
          subscription: (name, options) => {
            subscribed = true
            return gate.whenOpen(transport.subscription(name, options))
          }
        }))
      )
      const { alerts } = yield* until(pipeline.report, ({ functions }) => (functions[0]?.restarts ?? 0) > 0)

      assert.isFalse(subscribed)
      assert.match(alerts[0]?.context ?? "", /Error: not yet\n {4}at .*js\.ts:1:7/)
    })), patience)
})
