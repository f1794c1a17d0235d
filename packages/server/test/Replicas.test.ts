import { assert, describe, it } from "@effect/vitest"
import { Delivery } from "@kps/connector"
import * as NatsServer from "@kps/transport/testing/NatsServer"
import { Effect, Exit, type Layer, Scope, Stream } from "effect"
import { bytes, Denied, type Hooks, idle } from "./streams.ts"
import { fresh, jetStream, memory, type Place } from "./support/Place.ts"
import { eventually, replica, stream, timeToLive } from "./support/Replica.ts"

const equal = <A>(want: A) => (got: A) => JSON.stringify(got) === JSON.stringify(want)

/** Who runs a stream, by the name that a test gives each replica; and whether two ever did at once. */
const ledger = () => {
  const acting = new Set<string>()
  const starts: Array<string> = []
  const problems: Array<string> = []
  const enter = (who: string) =>
    Effect.acquireRelease(
      Effect.sync(() => {
        starts.push(who)
        acting.add(who)
        if (acting.size > 1) problems.push([...acting].join(" and "))
      }),
      () => Effect.sync(() => acting.delete(who))
    )
  const hooks = (who: string): Hooks => ({ ingress: () => Effect.as(enter(who), idle) })
  return { acting, starts, problems, enter, hooks }
}

const suite = <E>(name: string, layer: Layer.Layer<Place, E>) =>
  it.layer(layer, { excludeTestServices: true })(`Replicas (${name})`, (it) => {
    it.effect(
      "one of them runs an ingress stream, whichever was asked, and each answers for both",
      () =>
        Effect.gen(function*() {
          const instance = fresh("i")
          const { acting, hooks, problems } = ledger()
          const a = yield* replica(instance, hooks("a"))
          const b = yield* replica(instance, hooks("b"))
          yield* a.set(stream("s"))
          yield* b.set(stream("s"))
          yield* eventually(a.running, equal(["s"]))
          yield* eventually(b.running, equal(["s"]))

          assert.strictEqual(acting.size, 1)
          assert.deepStrictEqual(problems, [])
          const here = (yield* Effect.all([a.here, b.here])).map(([one]) => one)
          assert.sameMembers(here, ["s Running", "s Standby"])
          yield* eventually(a.events, equal(["streamStarted of s"]))
          yield* eventually(b.events, equal(["streamStarted of s"]))
          yield* b.set()
          yield* eventually(Effect.sync(() => acting.size), equal(0))
          assert.deepStrictEqual(yield* b.running, [])
        }),
      20_000
    )

    it.effect("SetPayload tells how a stream came out that another replica runs", () =>
      Effect.gen(function*() {
        const instance = fresh("i")
        const denied: Hooks = {
          ingress: ({ parameters }) =>
            parameters.name === "bad" ? Effect.fail(new Denied({ message: "no entry" })) : Effect.succeed(idle)
        }
        const a = yield* replica(instance, denied)
        const b = yield* replica(instance, denied)
        yield* a.set(stream("s"))
        const standby = (yield* a.here)[0] === "s Standby" ? a : b
        yield* eventually(b.here, ([one]) => one !== undefined)
        const error = yield* Effect.flip(standby.set(stream("s", "INGRESS", { name: "bad", tags: [] })))

        assert.strictEqual(error.message, "1 of 1 stream does not run: \"s\": PERMISSION_DENIED: no entry")
        yield* standby.set(stream("s"))
        assert.deepStrictEqual(yield* standby.running, ["s"])
      }), 20_000)

    it.effect(
      "a stream moves within the time to live when its replica is cut off, which has stopped by then",
      () =>
        Effect.gen(function*() {
          const instance = fresh("i")
          const { acting, hooks, problems, starts } = ledger()
          const replicas = { a: yield* replica(instance, hooks("a")), b: yield* replica(instance, hooks("b")) }
          yield* replicas.a.set(stream("s"))
          for (let round = 0; round < 4; round++) {
            const [holder] = yield* eventually(Effect.sync(() => [...acting]), (now) => now.length === 1)
            assert(holder === "a" || holder === "b")
            const { plug } = replicas[holder]
            yield* plug.pull
            const at = performance.now()
            yield* eventually(Effect.sync(() => [...acting]), (now) => now.length === 1 && now[0] !== holder)
            const took = performance.now() - at
            yield* plug.push
            // A quarter more than the time to live; the rest is for a machine that is busy.
            assert.isBelow(took, timeToLive * 4)
            yield* Effect.sleep(timeToLive / 2)
          }

          assert.deepStrictEqual(problems, [])
          assert.isAtLeast(starts.length, 5)
        }),
      30_000
    )

    it.effect("a replica that ends hands its streams over at once", () =>
      Effect.gen(function*() {
        const instance = fresh("i")
        const { acting, hooks, problems } = ledger()
        const life = yield* Scope.make()
        const a = yield* Scope.provide(replica(instance, hooks("a")), life)
        yield* a.set(stream("s"))
        const b = yield* replica(instance, hooks("b"))
        yield* eventually(b.here, equal(["s Standby"]))
        const at = performance.now()
        yield* a.service.drain
        yield* Scope.close(life, Exit.void)
        yield* eventually(b.here, equal(["s Running"]))

        assert.isBelow(performance.now() - at, timeToLive)
        assert.deepStrictEqual([[...acting], problems], [["b"], []])
      }), 20_000)

    it.effect("a source that has ended is not begun by another replica", () =>
      Effect.gen(function*() {
        const instance = fresh("i")
        let starts = 0
        const once: Hooks = {
          ingress: () =>
            Effect.sync(() => {
              starts++
              return Delivery.lossy(Stream.make(bytes("x")))
            })
        }
        const a = yield* replica(instance, once)
        const b = yield* replica(instance, once)
        yield* a.set(stream("s"))
        yield* eventually(a.events, equal(["streamDone of s"]))
        yield* Effect.sleep(timeToLive * 2)

        assert.strictEqual(starts, 1)
        yield* eventually(b.events, equal(["streamDone of s"]))
      }), 20_000)

    it.effect(
      "a stream that is halted is tried once more by a SetPayload on any of them",
      () =>
        Effect.gen(function*() {
          const instance = fresh("i")
          let tries = 0
          const twice: Hooks = {
            ingress: () => ++tries === 1 ? Effect.fail(new Denied({ message: "not yet" })) : Effect.succeed(idle)
          }
          const a = yield* replica(instance, twice)
          const b = yield* replica(instance, twice)
          yield* Effect.flip(a.set(stream("s")))
          yield* Effect.sleep(timeToLive * 2)
          assert.strictEqual(tries, 1)
          yield* b.set(stream("s"))

          assert.strictEqual(tries, 2)
          yield* eventually(a.running, equal(["s"]))
          // By the replica that had halted it, or by the other one.
          yield* eventually(
            a.events,
            ([one, ...more]) => ["streamHealthy of s", "streamStarted of s"].includes(one ?? "") && more.length === 0
          )
        }),
      20_000
    )

    it.effect(
      "egress of channels in JetStream runs on one of them, or without order on all",
      () =>
        Effect.gen(function*() {
          const instance = fresh("i")
          const options = { delivery: { streams: { free: { ordering: "none" } } }, stored: true } as const
          const a = yield* replica(instance, {}, options)
          const b = yield* replica(instance, {}, options)
          yield* a.set(stream("free", "EGRESS"), stream("strict", "EGRESS"))
          yield* eventually(Effect.all([a.here, b.here]), (here) =>
            here.every(([free]) => free === "free Running") &&
            ["strict Running", "strict Standby"].every((want) => here.some(([, strict]) => strict === want)))

          yield* eventually(b.running, equal(["free", "strict"]))
          yield* eventually(a.running, equal(["free", "strict"]))
        }),
      20_000
    )

    it.effect(
      "two SetPayloads at the same time on two of them end as one, whole, on both",
      () =>
        Effect.gen(function*() {
          const instance = fresh("i")
          const a = yield* replica(instance, {})
          const b = yield* replica(instance, {})
          for (let round = 0; round < 5; round++) {
            yield* Effect.all([
              a.set(stream(`a${round}`), stream("x", "INGRESS", { name: "a", tags: [] })),
              b.set(stream("x", "INGRESS", { name: "b", tags: [] }), stream(`b${round}`))
            ], { concurrency: "unbounded" })
            const want = [[`a${round}`, "x"], ["x", `b${round}`]]
            const sets = yield* eventually(
              Effect.all([a.running, b.running]),
              ([one, other]) => equal(one)(other) && want.some((set) => equal<ReadonlyArray<string>>(set)(one))
            )
            assert.deepStrictEqual(sets[0], sets[1])
          }
        }),
      30_000
    )
  })

suite("memory", memory)

describe.skipIf(NatsServer.skipReason() !== undefined)(NatsServer.suiteName("on a broker"), () => {
  suite("JetStream", jetStream)
})
