import { assert, describe, it } from "@effect/vitest"
import { NatsTransport } from "@kps/transport"
import * as NatsServer from "@kps/transport/testing/NatsServer"
import { Context, Deferred, Effect, Fiber, Layer, Option, Ref, Stream } from "effect"
import * as JetStreamJournal from "../src/documents/JetStreamJournal.ts"
import * as Journal from "../src/documents/Journal.ts"
import { connect } from "./support/Place.ts"

const category = (name: string) => ({ name, purpose: "", values: ["a"] })

describe.skipIf(NatsServer.skipReason() !== undefined)(NatsServer.suiteName("JetStreamJournal"), () => {
  it.live(
    "loses nothing that was acknowledged when the broker is killed in the middle of writes",
    () =>
      Effect.gen(function*() {
        const server = yield* NatsServer.make({ jetstream: true })
        const documents = yield* connect(server.url)
        const acknowledged = yield* Ref.make<ReadonlyArray<string>>([])
        const enough = yield* Deferred.make<void>()
        const writing = yield* Effect.forkChild(
          Effect.forEach(Array.from({ length: 60 }, (_, n) => n), (n) =>
            Effect.gen(function*() {
              const { id } = yield* documents.create("category", category(`c ${n}`)).pipe(
                Effect.retry({ while: (error) => error.isRetryable })
              )
              yield* Ref.update(acknowledged, (ids) => [...ids, id])
              if (n === 20) yield* Deferred.succeed(enough, undefined)
            }), { discard: true })
        )
        yield* Deferred.await(enough)
        yield* server.kill("SIGKILL")
        yield* server.restart
        yield* Fiber.join(writing)
        const ids = yield* Ref.get(acknowledged)
        const other = yield* connect(server.url)
        const kept = yield* other.list("category")

        assert.lengthOf(ids, 60)
        assert.sameMembers(kept.map(({ id }) => id), [...ids])
      }),
    60_000
  )

  it.live(
    "says that the store is out of reach, and goes on when it is back; reads answer meanwhile",
    () =>
      Effect.gen(function*() {
        const server = yield* NatsServer.make({ jetstream: true })
        const documents = yield* connect(server.url, { timeout: "300 millis" })
        const { id } = yield* documents.create("category", category("one"))
        yield* server.kill("SIGKILL")
        const away = yield* Effect.flip(documents.create("category", category("two")))
        const read = yield* documents.get("category", id)
        yield* server.restart
        yield* documents.create("category", category("three")).pipe(
          Effect.retry({ while: (error) => error.isRetryable }),
          Effect.timeout("20 seconds")
        )

        assert.strictEqual(away.reason._tag, "Unavailable")
        assert.strictEqual(read.value.name, "one")
        assert.includeMembers((yield* documents.list("category")).map(({ value }) => value.name), ["one", "three"])
      }),
    60_000
  )

  it.live("says what is wrong with a broker without JetStream", () =>
    Effect.gen(function*() {
      const { url } = yield* NatsServer.make()
      const context = yield* Layer.build(
        Layer.provide(
          JetStreamJournal.layer({ timeout: "300 millis" }),
          NatsTransport.layer({ servers: [url], reconnectDelay: "20 millis" })
        )
      )
      const journal = Context.get(context, Journal.Journal)
      const { message, reason } = yield* Effect.flip(journal.append("category.a", Option.none(), 0))

      assert.strictEqual(reason._tag, "Unavailable")
      assert.match(message, /^cannot write "category\.a": .*jetstream/i)
    }), 30_000)

  it.live("begins anew on a broker that has lost its disk", () =>
    Effect.gen(function*() {
      const server = yield* NatsServer.make({ jetstream: true })
      const documents = yield* connect(server.url)
      yield* Effect.forEach(["one", "two", "three"], (name) => documents.create("category", category(name)))
      yield* server.loseDisk
      yield* server.restart
      const { id } = yield* documents.create("category", category("four")).pipe(
        Effect.retry({ while: (error) => error.isRetryable }),
        Effect.timeout("20 seconds")
      )
      const left = yield* documents.changes.pipe(
        Stream.filter((snapshot) => Option.isSome(snapshot.get("category", id))),
        Stream.runHead
      )

      assert.deepStrictEqual(
        Option.map(left, (snapshot) => snapshot.list("category").map(({ value }) => value.name)),
        Option.some(["four"])
      )
    }), 60_000)

  it.live("gives what is there to a process that comes later, large values too", () =>
    Effect.gen(function*() {
      const server = yield* NatsServer.make({ jetstream: true })
      const values = Array.from({ length: 60_000 }, (_, n) => `value ${n}`)
      const written = yield* Effect.scoped(
        Effect.flatMap(connect(server.url), (documents) =>
          Effect.gen(function*() {
            const first = yield* documents.create("category", category("large"))
            return yield* documents.update("category", first.id, { ...first.value, values })
          }))
      )
      const documents = yield* connect(server.url)

      assert.deepStrictEqual(yield* documents.get("category", written.id), written)
    }), 60_000)
})
