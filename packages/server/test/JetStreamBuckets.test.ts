import { assert, describe, it } from "@effect/vitest"
import * as NatsServer from "@kps/transport/testing/NatsServer"
import { jetstreamManager } from "@nats-io/jetstream"
import { connect as dial } from "@nats-io/transport-node"
import { Clock, Context, Effect, Fiber, Layer, Option, Queue, Result, Stream } from "effect"
import * as Bucket from "../src/Bucket.ts"
import * as DesiredState from "../src/DesiredState.ts"
import * as Lease from "../src/Lease.ts"
import * as Positions from "../src/Positions.ts"
import * as Sessions from "../src/Sessions.ts"
import { connect } from "./support/Place.ts"

const eventually = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  effect.pipe(
    Effect.tapError(() => Effect.sleep("20 millis")),
    Effect.eventually,
    Effect.timeout("10 seconds")
  )

const leases = (buckets: Bucket.Buckets["Service"], timeToLive: number) =>
  Layer.build(
    Lease.layer.pipe(
      Layer.provide(Sessions.layer({ instance: "i", timeToLive })),
      Layer.provide(Layer.succeed(Bucket.Buckets, buckets))
    )
  ).pipe(Effect.map(Context.get(Lease.Lease)))

const manager = (url: string) =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const client = await dial({ servers: url })
      return { client, streams: (await jetstreamManager(client)).streams }
    }),
    ({ client }) => Effect.promise(() => client.close())
  )

describe.skipIf(NatsServer.skipReason() !== undefined)(NatsServer.suiteName("JetStreamBuckets"), () => {
  it.live(
    "keeps what it has over a restart of the broker, and a watch goes on where it was",
    () =>
      Effect.gen(function*() {
        const server = yield* NatsServer.make({ jetstream: true })
        const [one, other] = yield* Effect.all([connect(server.url), connect(server.url)])
        const [writer, reader] = [DesiredState.make(one), DesiredState.make(other)]
        const seen = yield* Queue.unbounded<unknown>()
        yield* reader.changes("i").pipe(
          Stream.runForEach((change) =>
            Queue.offer(seen, Result.isSuccess(change) && Option.map(change.success, ({ desired }) => desired.config))
          ),
          Effect.forkScoped
        )
        const next = Effect.timeout(Queue.take(seen), "10 seconds")
        assert.deepStrictEqual(yield* next, Option.none())
        const first = yield* writer.set("i", { config: { n: 1 }, streams: [] }, 0)
        assert.deepStrictEqual(yield* next, Option.some({ n: 1 }))

        yield* server.kill("SIGKILL")
        const away = yield* Effect.flip(
          eventually(
            Effect.flatMap(
              Effect.result(writer.get("i")),
              (result) => Result.isFailure(result) ? Effect.succeed(result.failure) : Effect.fail("not yet")
            )
          ).pipe(Effect.flatMap(Effect.fail))
        )
        yield* server.restart
        const second = yield* eventually(writer.set("i", { config: { n: 2 }, streams: [] }, first))

        assert.strictEqual("reason" in away ? away.reason._tag : away, "Unavailable")
        assert.isAbove(second, first)
        assert.deepStrictEqual(yield* next, Option.some({ n: 2 }))
        assert.deepStrictEqual(yield* Queue.size(seen), 0)
      }),
    30_000
  )

  it.live("is made anew on a broker that has lost its disk", () =>
    Effect.gen(function*() {
      const server = yield* NatsServer.make({ jetstream: true })
      const { port, url } = server
      const positions = Positions.make(yield* connect(url))
      yield* positions.set("i", "s", { position: 1, parameters: {} }, 0)
      yield* server.kill("SIGKILL")
      const empty = yield* NatsServer.make({ jetstream: true, port })
      const found = yield* eventually(positions.get("i", "s"))
      yield* positions.set("i", "s", { position: 2, parameters: {} }, 0)

      assert.strictEqual(empty.url, url)
      assert.deepStrictEqual(found, Option.none())
      assert.strictEqual(Option.getOrThrow(yield* positions.get("i", "s")).position, 2)
    }), 30_000)

  it.live(
    "is heard of by a watch also when it was removed and made anew: first that its keys are gone",
    () =>
      Effect.gen(function*() {
        const server = yield* NatsServer.make({ jetstream: true })
        const bucket = (yield* connect(server.url)).open("b")
        const look = yield* manager(server.url)
        yield* bucket.put("a", new Uint8Array([1]), 0)
        const seen: Array<string> = []
        yield* bucket.watch(">").pipe(
          Stream.runForEach(({ key, value }) => Effect.sync(() => seen.push(`${key} ${value._tag}`))),
          Effect.forkScoped
        )
        yield* eventually(Effect.suspend(() => seen.length === 1 ? Effect.void : Effect.fail("not yet")))
        const created = yield* bucket.created
        assert.strictEqual(yield* bucket.created, created)
        yield* Effect.promise(() => look.streams.delete("KV_kps-b"))
        yield* eventually(bucket.put("c", new Uint8Array([1]), 0))
        yield* eventually(Effect.suspend(() => seen.length >= 3 ? Effect.void : Effect.fail("not yet")))

        assert.deepStrictEqual(seen, ["a Some", "a None", "c Some"])
        assert.notStrictEqual(yield* bucket.created, created)
      }),
    30_000
  )

  it.live("forgets after a while that keys were removed, and nothing else", () =>
    Effect.gen(function*() {
      const server = yield* NatsServer.make({ jetstream: true })
      const bucket = (yield* connect(server.url, { markersKept: "300 millis" })).open("b")
      const look = yield* manager(server.url)
      const messages = Effect.promise(async () => (await look.streams.info("KV_kps-b")).state.messages)
      for (const key of ["a", "b", "c"]) yield* bucket.put(key, new Uint8Array([1]), 0)
      yield* bucket.remove("a")
      yield* bucket.remove("b")
      yield* bucket.put("b", new Uint8Array([2]), 0)
      yield* eventually(Effect.filterOrFail(messages, (count) => count === 2, () => "not yet"))

      assert.deepStrictEqual((yield* bucket.list(">")).map(({ key }) => key).toSorted(), ["b", "c"])
      assert.deepStrictEqual(yield* bucket.get("a"), Option.none())
      yield* bucket.put("a", new Uint8Array([3]), 0)
    }), 30_000)

  it.live("fails at once, and says why, on a broker without JetStream", () =>
    Effect.gen(function*() {
      const server = yield* NatsServer.make()
      const error = yield* Effect.flip(Positions.make(yield* connect(server.url)).get("i", "s"))

      assert.strictEqual(error.reason._tag, "Unavailable")
      assert.include(error.message, "cannot read key \"position.i.s\" of bucket \"kps-positions\": ")
      assert.match(error.message, /jetstream/i)
    }), 30_000)

  it.live("works with the permissions that docs/operations.md names, and no others", () =>
    Effect.gen(function*() {
      const server = yield* NatsServer.make({
        jetstream: true,
        config: `authorization { users = [{ user: u, password: p, permissions: {
          publish: ["$JS.API.>", "$JS.FC.>", "$KV.>"], subscribe: ["_INBOX.>"] } }] }`
      })
      const state = DesiredState.make(yield* connect(server.url.replace("//", "//u:p@")))
      const revision = yield* state.set("i", { config: { n: 1 }, streams: [] }, 0)
      const [first] = yield* Effect.timeout(Stream.runCollect(Stream.take(state.changes("i"), 1)), "5 seconds")

      assert.deepStrictEqual(
        first,
        Result.succeed(Option.some({ desired: { config: { n: 1 }, streams: [] }, revision }))
      )
      assert.notInclude(yield* server.log, "Permissions Violation")
    }), 30_000)

  it.live("keeps buckets of another prefix apart", () =>
    Effect.gen(function*() {
      const server = yield* NatsServer.make({ jetstream: true })
      const one = Positions.make(yield* connect(server.url, { prefix: "a" }))
      const other = Positions.make(yield* connect(server.url, { prefix: "b" }))
      yield* one.set("i", "s", { position: 1, parameters: {} }, 0)

      assert.deepStrictEqual(yield* other.get("i", "s"), Option.none())
    }), 30_000)

  it.live(
    "a lease is not had by a process that is started after the leases were lost, while its holder may not know",
    () =>
      Effect.gen(function*() {
        const ttl = 1_500
        const server = yield* NatsServer.make({ jetstream: true })
        const look = yield* manager(server.url)
        const one = yield* leases(yield* connect(server.url), ttl)
        const held = yield* one.acquire("s")
        yield* Effect.promise(() => look.streams.delete("KV_kps-leases"))
        const fresh = yield* leases(yield* connect(server.url), ttl)
        const both = yield* Effect.timeout(
          Effect.map(fresh.acquire("s"), () => held.isHeld()),
          "15 seconds"
        )

        assert.isFalse(both)
      }),
    30_000
  )

  it.live(
    "a lease is given up by its holder when the broker is away, before anybody else could have it",
    () =>
      Effect.gen(function*() {
        const ttl = 1_000
        const server = yield* NatsServer.make({ jetstream: true })
        const one = yield* leases(yield* connect(server.url), ttl)
        const other = yield* leases(yield* connect(server.url), ttl)
        const held = yield* one.acquire("s")
        const waiting = yield* Effect.forkScoped(
          Effect.scoped(Effect.tap(other.acquire("s"), Effect.sleep("1 second")))
        )
        yield* Effect.sleep(ttl / 2)
        const clock = yield* Clock.Clock
        const at = clock.currentTimeMillisUnsafe()
        yield* server.kill("SIGKILL")
        yield* Effect.timeout(held.lost, ttl * 2)
        const lostAfter = clock.currentTimeMillisUnsafe() - at

        assert.isFalse(held.isHeld())
        assert.isAtMost(lostAfter, ttl * 1.5)
        assert.isUndefined(waiting.pollUnsafe())
        yield* server.restart
        const next = yield* Effect.timeout(Fiber.join(waiting), "10 seconds")
        assert.isAbove(next.token, held.token)
      }),
    30_000
  )
})
