import { assert, describe, it } from "@effect/vitest"
import { JetStream, JetStreamTransport, NatsTransport, Transport } from "@kps/transport"
import * as NatsServer from "@kps/transport/testing/NatsServer"
import { Duration, Effect, Exit, Latch, Layer, Scope } from "effect"
import * as Pipeline from "../../src/pipelines/Pipeline.ts"
import { consumerOf } from "../../src/pipelines/PipelineDescription.ts"
import { channel, collect, describePipeline, js, noPython, publish, python, start, until, withPython } from "./rig.ts"

const patience = 90_000

const stored = <A, E>(
  effect: Effect.Effect<A, E, Transport.Transport | JetStream.JetStream | NatsServer.NatsServer | Scope.Scope>
) =>
  effect.pipe(
    Effect.scoped,
    Effect.provide(
      Layer.unwrap(
        NatsServer.NatsServer.useSync(({ url }) => JetStreamTransport.layer({ servers: [url] }))
      ).pipe(Layer.provideMerge(NatsServer.layer({ jetstream: true })))
    )
  )

const onCore = <A, E>(effect: Effect.Effect<A, E, Transport.Transport | NatsServer.NatsServer | Scope.Scope>) =>
  effect.pipe(
    Effect.scoped,
    Effect.provide(
      Layer.unwrap(NatsServer.NatsServer.useSync(({ url }) => NatsTransport.layer({ servers: [url] }))).pipe(
        Layer.provideMerge(NatsServer.layer())
      )
    )
  )

/** What the input's consumer has not acknowledged. */
const unacknowledged = (id: string) =>
  Effect.scoped(Effect.gen(function*() {
    const jetStream = yield* JetStream.JetStream
    const { state } = yield* jetStream.consumer(channel("in"), {
      name: consumerOf(id),
      exclusive: true,
      maxAckPending: 4_096
    })
    return yield* state
  }))

const numbered = (count: number) => Array.from({ length: count }, (_, n) => `m${n}`)

describe.skipIf(NatsServer.skipReason() !== undefined)(NatsServer.suiteName("a pipeline over JetStream"), () => {
  it.live.skipIf(noPython !== undefined)(
    withPython("loses nothing when its Python process is killed in the middle, again and again"),
    () =>
      stored(Effect.gen(function*() {
        const out = yield* collect("out")
        const { logs, report } = yield* start(
          {
            functions: [
              js("exports.main = (ctx, msg) => ctx.send(msg)"),
              python("import time\ndef main(ctx, msg):\n  time.sleep(0.0002)\n  ctx.send(msg)\n")
            ]
          },
          { limits: { backoff: "10 millis" } }
        )
        const texts = numbered(3_000)
        yield* publish("in", texts)
        for (let kills = 1; kills <= 3; kills++) {
          yield* until(out, ({ length }) => length >= kills * 500)
          const started = (yield* logs({ function: "python" })).findLast(({ text }) =>
            text.startsWith("started in process ")
          )
          process.kill(Number(started?.text.slice("started in process ".length)), "SIGKILL")
          yield* until(report, ({ functions }) => (functions[1]?.restarts ?? 0) >= kills)
        }
        yield* until(out, (all) => new Set(all).size === texts.length)

        const { counters, functions } = yield* until(report, ({ counters }) => counters.inFlight === 0)
        assert.deepInclude(counters, { received: 3_000, failed: 0, dropped: 0 })
        assert.isAtLeast(functions[1]?.restarts ?? 0, 3)
        // what came of the message that was worked on may come twice, in place
        assert.deepStrictEqual([...new Set(yield* out)], texts)
      })),
    patience
  )

  it.live(
    "acknowledges nothing before it is stored in the output, and then stores nothing twice",
    () =>
      stored(Effect.gen(function*() {
        const out = yield* collect("out")
        const gate = yield* Latch.make()
        const scope = yield* Scope.make()
        const functions = [js("exports.main = (ctx, msg) => { ctx.send(msg + 'a'); ctx.send(msg + 'b') }")]
        // stored, and never told: as if this process had ended there
        const deaf = Effect.updateService(Transport.Transport, (transport) =>
          Transport.Transport.of({
            ...transport,
            publishConfirmed: (name, messages, options) =>
              Effect.andThen(transport.publishConfirmed(name, messages, options), gate.await)
          }))
        yield* deaf(Scope.provide(start({ functions }, { drainTimeout: Duration.zero }), scope))
        yield* publish("in", ["1", "2", "3"])
        yield* until(out, ({ length }) => length > 0)
        yield* Scope.close(scope, Exit.void)
        const between = yield* unacknowledged("p")
        yield* publish("in", ["4"])
        const { report } = yield* start({ functions })
        yield* until(report, ({ counters }) => counters.published === 8)

        assert.deepStrictEqual([between.ackFloor, between.ackPending + between.pending], [0, 3])
        assert.deepStrictEqual(yield* until(out, ({ length }) => length >= 8), [
          "1a",
          "1b",
          "2a",
          "2b",
          "3a",
          "3b",
          "4a",
          "4b"
        ])
        yield* until(report, ({ counters }) => counters.inFlight === 0)
        const after = yield* unacknowledged("p")
        assert.deepStrictEqual([after.ackPending, after.pending], [0, 0])
      })),
    patience
  )

  it.live("goes on where it was, without functions and with sampling too", () =>
    stored(Effect.gen(function*() {
      const [out, sampled] = [yield* collect("out"), yield* collect("sampled")]
      const sampling = { id: "s", outputs: [channel("sampled")], samplingInterval: Duration.hours(1) }
      const round = (texts: ReadonlyArray<string>) =>
        Effect.scoped(Effect.gen(function*() {
          const all = yield* start({})
          const some = yield* start(sampling)
          yield* publish("in", texts)
          yield* until(
            Effect.all([all.report, some.report]),
            (reports) => reports.every(({ counters }) => counters.received === 3)
          )
        }))
      yield* publish("in", ["before it ran for the first time"])
      yield* round(["1", "2", "3"])
      yield* publish("in", ["4", "5"])
      yield* round(["6"])

      assert.deepStrictEqual(yield* until(out, ({ length }) => length === 6), ["1", "2", "3", "4", "5", "6"])
      assert.deepStrictEqual(yield* until(sampled, ({ length }) => length === 2), ["1", "4"])
      const { ackPending, pending } = yield* unacknowledged("s")
      assert.deepStrictEqual([ackPending, pending], [0, 0])
    })), patience)

  it.live("goes on after its broker was killed", () =>
    stored(Effect.gen(function*() {
      const server = yield* NatsServer.NatsServer
      const transport = yield* Transport.Transport
      const out = yield* collect("out")
      const { report } = yield* start({ functions: [js("exports.main = (ctx, msg) => ctx.send(msg)")] })
      yield* publish("in", ["1"])
      yield* until(out, ({ length }) => length === 1)
      yield* server.kill()
      yield* server.restart
      yield* until(transport.status, ({ _tag }) => _tag === "Connected")
      yield* publish("in", ["2"])

      assert.deepStrictEqual(yield* until(out, ({ length }) => length === 2), ["1", "2"])
      assert.strictEqual((yield* until(report, ({ state }) => state.status === "RUNNING")).counters.dropped, 0)
    })), patience)
})

describe.skipIf(NatsServer.skipReason() !== undefined)(NatsServer.suiteName("a pipeline over core NATS"), () => {
  it.live(
    "keeps the order of a burst, through functions and without, and counts it",
    () =>
      onCore(Effect.gen(function*() {
        const [plain, through] = [yield* collect("out"), yield* collect("through")]
        const one = yield* start({})
        const two = yield* start({
          id: "q",
          outputs: [channel("through")],
          functions: [js("exports.main = (ctx, msg) => ctx.send(msg)")]
        })
        const texts = numbered(10_000)
        yield* publish("in", texts)

        assert.deepStrictEqual(yield* until(plain, ({ length }) => length === 10_000), texts)
        assert.deepStrictEqual(yield* until(through, ({ length }) => length === 10_000), texts)
        for (const { report } of [one, two]) {
          assert.deepInclude((yield* report).counters, { received: 10_000, published: 10_000, dropped: 0, inFlight: 0 })
        }
      })),
    patience
  )

  it.live("shares the messages of an input where it runs twice", () =>
    onCore(Effect.gen(function*() {
      const out = yield* collect("out")
      const both = [yield* Pipeline.run(describePipeline()), yield* Pipeline.run(describePipeline())]
      for (const { running } of both) yield* running
      yield* publish("in", numbered(200))

      assert.lengthOf(yield* until(out, ({ length }) => length >= 200), 200)
    })), patience)
})
