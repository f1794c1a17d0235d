import { assert, describe, it } from "@effect/vitest"
import { Transport } from "@kps/transport"
import { Effect, type Scope } from "effect"
import { collect, js, noPython, publish, python, start, until, withPython } from "./rig.ts"

/** Processes start slowly on a machine that has other work. */
const patience = 60_000

const inMemory = <A, E>(effect: Effect.Effect<A, E, Transport.Transport | Scope.Scope>) =>
  effect.pipe(Effect.scoped, Effect.provide(Transport.layerMemory))

describe("functions of a pipeline", () => {
  it.live.skipIf(noPython !== undefined)(
    withPython("are chained, JavaScript and Python, in order"),
    () =>
      inMemory(Effect.gen(function*() {
        const out = yield* collect("out")
        const { report } = yield* start({
          functions: [
            js("exports.main = async (ctx, msg) => { ctx.send(msg + '1'); ctx.send(Buffer.from(msg + '2')) }"),
            python("def main(ctx, msg):\n  if msg != b'b1': ctx.send(msg + b'!')\n")
          ]
        })
        yield* publish("in", ["a", "b", "c"])

        assert.deepStrictEqual(yield* until(out, ({ length }) => length === 5), ["a1!", "a2!", "b2!", "c1!", "c2!"])
        const { counters, functions } = yield* report
        assert.deepStrictEqual(counters, {
          received: 3,
          sampledOut: 0,
          published: 5,
          failed: 0,
          dropped: 0,
          inFlight: 0
        })
        assert.deepStrictEqual(functions, [
          { name: "js", status: "RUNNING", processed: 3, sent: 6, failed: 0, restarts: 0 },
          { name: "python", status: "RUNNING", processed: 6, sent: 5, failed: 0, restarts: 0 }
        ])
      })),
    patience
  )
})
