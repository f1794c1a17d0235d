import { assert, it } from "@effect/vitest"
import { Clock, Context, Effect, Exit, Fiber, Layer, Option, Scope } from "effect"
import * as Bucket from "../../src/Bucket.ts"
import * as Key from "../../src/Key.ts"
import * as Lease from "../../src/Lease.ts"
import * as Sessions from "../../src/Sessions.ts"
import { fresh, Place } from "../support/Place.ts"
import { Plug } from "../support/Plug.ts"

const ttl = 600

/** The leases of one replica in a scope of its own, and its connection in the hands of the test. */
const replica = Effect.fnUntraced(function*(
  instance: string,
  options: { readonly clock?: Clock.Clock; readonly ttl?: number } = {}
) {
  const { clock } = options
  const plug = new Plug(yield* Place.use(({ process }) => process))
  const layer = Lease.layer.pipe(
    Layer.provide(Sessions.layer({ instance, timeToLive: options.ttl ?? ttl })),
    Layer.provide(Layer.succeed(Bucket.Buckets, plug.buckets)),
    Layer.provide(clock === undefined ? Layer.empty : Layer.succeed(Clock.Clock, clock))
  )
  return { lease: Context.get(yield* Layer.build(layer), Lease.Lease), plug }
})

/** The clock of another machine, or of one that was stopped. */
const shifted = (byMillis: () => number) =>
  Effect.map(Clock.Clock, (real): Clock.Clock => {
    const currentTimeMillisUnsafe = () => real.currentTimeMillisUnsafe() + byMillis()
    const nanos = () => BigInt(byMillis()) * 1_000_000n
    const currentTimeNanosUnsafe = () => real.currentTimeNanosUnsafe() + nanos()
    const monotonicTimeNanosUnsafe = () => real.monotonicTimeNanosUnsafe() + nanos()
    return {
      currentTimeMillisUnsafe,
      currentTimeMillis: Effect.sync(currentTimeMillisUnsafe),
      currentTimeNanosUnsafe,
      currentTimeNanos: Effect.sync(currentTimeNanosUnsafe),
      monotonicTimeNanosUnsafe,
      monotonicTimeNanos: Effect.sync(monotonicTimeNanosUnsafe),
      sleep: (duration) => real.sleep(duration)
    }
  })

/** Acquires in a scope that the test closes. */
const hold = Effect.fnUntraced(function*(lease: Lease.Lease["Service"], name: string) {
  const scope = yield* Effect.acquireRelease(Scope.make(), (scope, exit) => Scope.close(scope, exit))
  const held = yield* Effect.timeout(Scope.provide(lease.acquire(name), scope), "10 seconds")
  return { ...held, release: Scope.close(scope, Exit.void) }
})

/** The behaviour that every place of `Lease` owes. In real time: brokers have no other. */
export const suite = <E>(name: string, layer: Layer.Layer<Place, E>): void =>
  it.layer(layer, { excludeTestServices: true })(`Lease (${name})`, (it) => {
    it.effect("is held by one replica, and goes to the next one at once when it is released, with a higher token", () =>
      Effect.gen(function*() {
        const instance = fresh("i")
        const [one, other] = yield* Effect.all([replica(instance), replica(instance)])
        const first = yield* hold(one.lease, "s")
        const waiting = yield* Effect.forkChild(hold(other.lease, "s"))
        yield* Effect.sleep(ttl * 2)

        assert.isUndefined(waiting.pollUnsafe())
        assert.isTrue(first.isHeld())
        const at = performance.now()
        yield* first.release
        const second = yield* Fiber.join(waiting)
        assert.isBelow(performance.now() - at, ttl)
        assert.isAbove(second.token, first.token)
      }))

    it.effect("is apart for each name and each instance", () =>
      Effect.gen(function*() {
        const [a, b] = [fresh("i"), fresh("i")]
        const [one, other, elsewhere] = yield* Effect.all([replica(a), replica(a), replica(b)])
        const held = yield* Effect.all([hold(one.lease, "s"), hold(other.lease, "t"), hold(elsewhere.lease, "s")])

        assert.deepStrictEqual(held.map(({ isHeld }) => isHeld()), [true, true, true])
      }))

    it.effect("is held by one caller of a process at a time", () =>
      Effect.gen(function*() {
        const { lease } = yield* replica(fresh("i"))
        const first = yield* hold(lease, "s")
        const waiting = yield* Effect.forkChild(hold(lease, "s"))
        yield* Effect.sleep(100)

        assert.isUndefined(waiting.pollUnsafe())
        yield* first.release
        const second = yield* Fiber.join(waiting)
        assert.isAbove(second.token, first.token)
        assert.isTrue(second.isHeld())
      }))

    it.effect(
      "is given back when the place is there again, though it could not be given back at once",
      () =>
        Effect.gen(function*() {
          const instance = fresh("i")
          // It lives long: who waits for its end waits in vain.
          const [one, other] = yield* Effect.all([replica(instance, { ttl: 60_000 }), replica(instance)])
          const first = yield* hold(one.lease, "s")
          const waiting = yield* Effect.forkChild(hold(other.lease, "s"))
          yield* one.plug.pull
          yield* first.release
          assert.isUndefined(waiting.pollUnsafe())
          yield* one.plug.push

          assert.isAbove((yield* Fiber.join(waiting)).token, first.token)
        }),
      30_000
    )

    it.effect("is not taken by whoever finds that all of them are lost, before every holder has found out", () =>
      Effect.gen(function*() {
        const instance = fresh("i")
        const [one, other] = yield* Effect.all([replica(instance), replica(instance)])
        const first = yield* hold(one.lease, "s")
        yield* hold(other.lease, "another")
        yield* one.plug.pull
        const at = performance.now()
        // As the loss of a disk: nothing is there any more.
        const place = (yield* Place.use(({ process }) => process)).open("leases")
        for (const { key } of yield* place.list(`*.${Key.token(instance)}.*`)) yield* place.remove(key)
        const taken = yield* Effect.forkChild(hold(other.lease, "s"))
        yield* first.lost
        assert.isUndefined(taken.pollUnsafe())
        yield* Fiber.join(taken)

        assert.isAbove(performance.now() - at, ttl)
      }))

    it.effect("is not left behind by a caller that gives up while it waits", () =>
      Effect.gen(function*() {
        const instance = fresh("i")
        const [one, other] = yield* Effect.all([replica(instance), replica(instance)])
        const first = yield* hold(one.lease, "s")
        const waiting = yield* Effect.forkChild(hold(other.lease, "s"))
        yield* Effect.sleep(50)
        yield* Fiber.interrupt(waiting)
        yield* first.release

        assert.isTrue((yield* hold(one.lease, "s")).isHeld())
      }))

    it.effect("is lost by a replica that is cut off, before another one has it", () =>
      Effect.gen(function*() {
        const instance = fresh("i")
        const [one, other] = yield* Effect.all([replica(instance), replica(instance)])
        const first = yield* hold(one.lease, "s")
        let lostAt = 0
        yield* Effect.forkChild(Effect.andThen(first.lost, Effect.sync(() => lostAt = performance.now())))
        yield* Effect.sleep(ttl / 2)
        yield* one.plug.pull
        const at = performance.now()
        const second = yield* hold(other.lease, "s")
        const hadAt = performance.now()

        assert.isFalse(first.isHeld())
        assert.isAbove(lostAt, at)
        assert.isBelow(lostAt, hadAt)
        assert.isBelow(hadAt - at, ttl * 4)
        assert.isAbove(second.token, first.token)
      }))

    it.effect("refuses the token of who held it before, and takes that of who holds it", () =>
      Effect.gen(function*() {
        const instance = fresh("i")
        const [one, other] = yield* Effect.all([replica(instance), replica(instance)])
        const first = yield* hold(one.lease, "s")
        yield* other.lease.verify("s", first.token)
        yield* one.plug.pull
        const second = yield* hold(other.lease, "s")
        yield* one.plug.push
        const refused = yield* Effect.flip(one.lease.verify("s", first.token))

        assert.strictEqual(
          refused.message,
          `token ${first.token} is not that of the holder of lease "s": its holder has ${second.token}`
        )
        assert.deepStrictEqual(yield* one.lease.holder("s"), Option.some(second.token))
        yield* second.release
        assert.include((yield* Effect.flip(one.lease.verify("s", second.token))).message, "nobody holds it")
      }))

    it.effect("comes back to a replica that was cut off and is there again", () =>
      Effect.gen(function*() {
        const { lease, plug } = yield* replica(fresh("i"))
        const first = yield* hold(lease, "s")
        yield* plug.pull
        yield* first.lost
        yield* first.release
        yield* plug.push
        const second = yield* hold(lease, "s")

        assert.isAbove(second.token, first.token)
      }))

    it.effect("is not taken away by a replica that hears nothing of its holder's renewals", () =>
      Effect.gen(function*() {
        const instance = fresh("i")
        const [one, other] = yield* Effect.all([replica(instance), replica(instance)])
        const first = yield* hold(one.lease, "s")
        const waiting = yield* Effect.forkChild(hold(other.lease, "s"))
        yield* Effect.sleep(ttl / 2)
        yield* other.plug.deafen
        yield* Effect.sleep(ttl * 3)

        assert.isTrue(first.isHeld())
        assert.isUndefined(waiting.pollUnsafe())
        assert.deepStrictEqual(yield* one.lease.holder("s"), Option.some(first.token))
        yield* Fiber.interrupt(waiting)
      }))

    it.effect("does not care what time it is anywhere", () =>
      Effect.gen(function*() {
        const day = 86_400_000
        const ahead = yield* shifted(() => day)
        const instance = fresh("i")
        const [one, other] = yield* Effect.all([replica(instance, { clock: ahead }), replica(instance)])
        const first = yield* hold(one.lease, "s")
        const waiting = yield* Effect.forkChild(hold(other.lease, "s"))
        yield* Effect.sleep(ttl * 3)

        assert.isUndefined(waiting.pollUnsafe())
        assert.isTrue(first.isHeld())
        yield* first.release
        assert.isTrue((yield* Fiber.join(waiting)).isHeld())
      }))

    it.effect("is lost to a process that was stopped longer than it lives, before anything of it has run", () =>
      Effect.gen(function*() {
        let skipped = 0
        const jumping = yield* shifted(() => skipped)
        const { lease } = yield* replica(fresh("i"), { clock: jumping })
        const held = yield* hold(lease, "s")
        const before = held.isHeld()
        skipped = ttl
        const after = held.isHeld()
        skipped = 0

        assert.deepStrictEqual([before, after, held.isHeld()], [true, false, false])
      }))

    it.effect("has at most one holder, whoever is cut off and comes back", () =>
      Effect.gen(function*() {
        const instance = fresh("i")
        const replicas = yield* Effect.all(Array.from({ length: 3 }, () => replica(instance)))
        /** Tokens in the order in which they were had, and who acts. */
        const ledger: Array<number> = []
        let acting: Lease.Held | undefined
        let acts = 0
        const problems: Array<string> = []
        const act = (held: Lease.Held) =>
          Effect.gen(function*() {
            ledger.push(held.token)
            while (held.isHeld()) {
              if (acting !== undefined && acting !== held && acting.isHeld()) problems.push("two at once")
              acting = held
              acts++
              yield* Effect.sleep(1)
            }
          })
        yield* Effect.forEach(replicas, ({ lease }) =>
          Effect.forkScoped(Effect.forever(Effect.scoped(Effect.flatMap(lease.acquire("s"), act)))), { discard: true })
        for (let round = 0; round < 6; round++) {
          const { plug } = replicas[round % 3]!
          yield* plug.pull
          yield* Effect.sleep(ttl * 1.5)
          yield* plug.push
        }
        yield* Effect.sleep(ttl)

        assert.deepStrictEqual(problems, [])
        assert.isAbove(ledger.length, 2)
        assert.isAbove(acts, 200)
        assert.deepStrictEqual(
          ledger,
          ledger.toSorted((a, b) =>
            a - b
          )
        )
        assert.strictEqual(new Set(ledger).size, ledger.length)
      }), 30_000)
  })
