import { assert, describe, it } from "@effect/vitest"
import { Delivery } from "@kps/connector"
import { NatsConnection, NatsTransport } from "@kps/transport"
import * as NatsServer from "@kps/transport/testing/NatsServer"
import { Context, Effect, Layer, type Scope } from "effect"
import * as DeadLetters from "../src/DeadLetters.ts"
import { bytes, channel, egress, type Fault, type Hooks, Poison, text } from "./streams.ts"
import { eventually, onlooker, replica } from "./support/StoredReplica.ts"

const ch = channel("ch.1")

interface Given {
  readonly text: string
  readonly id: string
}

/** Takes what it is given, item by item, until it is given a text that holds it up. */
const taking = (given: Array<Given>, options: { readonly holds?: string; readonly refuses?: string } = {}): Hooks => ({
  egress: () =>
    Effect.succeed(Delivery.sinkPartial<Fault, Scope.Scope>({
      idempotent: true,
      deliver: Effect.fnUntraced(function*(batch) {
        const failed: Array<{ readonly index: number; readonly error: Fault }> = []
        for (const [index, { id, payload }] of batch.entries()) {
          const one = text(payload)
          if (one === options.holds) return yield* Effect.never
          if (one === options.refuses) failed.push({ index, error: new Poison({ message: "refused" }) })
          else given.push({ text: one, id })
        }
        return Delivery.failed(failed)
      })
    }))
})

const messages = (count: number, from = 0) =>
  Array.from({ length: count }, (_, i) => ({ payloads: [bytes(`${from + i}`)], timestampNanos: 1n }))
const named = (count: number, from = 0) => Array.from({ length: count }, (_, i) => `${from + i}`)
const texts = (given: ReadonlyArray<Given>) => given.map(({ text }) => text)

const server = NatsServer.layer({ jetstream: true })

const write = Effect.fnUntraced(function*(url: string, count: number, from = 0) {
  const { jetStream } = yield* onlooker(url)
  const writer = yield* jetStream.writer(ch, { epoch: from })
  yield* writer.publishConfirmed(messages(count, from))
})

/** A frame of somebody who does not know what channels hold. */
const rawly = (url: string, subject: string, frame: string) =>
  Effect.scoped(Effect.gen(function*() {
    const context = yield* Effect.orDie(Layer.build(NatsTransport.layer({ servers: [url] })))
    const client = yield* Effect.orDie(Context.get(context, NatsConnection.NatsConnection).current)
    client.publish(subject, frame)
    yield* Effect.promise(() => client.flush())
  }))

describe.skipIf(NatsServer.skipReason() !== undefined)(
  NatsServer.suiteName("A sink whose channel is in JetStream"),
  () => {
    it.live(
      "gets what the channel has, and after a restart, in order and under the same ids, what was not done",
      () =>
        Effect.gen(function*() {
          const { url } = yield* NatsServer.NatsServer
          yield* write(url, 600)
          const [first, second]: [Array<Given>, Array<Given>] = [[], []]
          // The first batch is done, the second one is held up in the middle.
          const one = yield* replica(url, taking(first, { holds: "550" }))
          yield* one.apply(egress("1"))
          yield* eventually("the middle", Effect.sync(() => first.length), (count) => count === 550)
          yield* one.end
          const two = yield* replica(url, taking(second))
          yield* two.apply(egress("1"))
          yield* eventually("the rest", Effect.sync(() => second.at(-1)?.text), (last) => last === "599")
          const from = Number(second[0]!.text)
          const ids = new Map(first.map(({ id, text }) => [text, id]))

          assert.isAbove(from, 0)
          assert.isBelow(from, 551)
          assert.deepStrictEqual(texts(second), named(600 - from, from))
          const again = second.filter(({ text }) => ids.has(text))
          assert.deepStrictEqual(again.map(({ text }) => ids.get(text)), again.map(({ id }) => id))
          assert.strictEqual(new Set([...first, ...second].map(({ id }) => id)).size, 600)
        }).pipe(Effect.provide(server)),
      60_000
    )

    it.live("goes to another replica with its lease, which goes on in order", () =>
      Effect.gen(function*() {
        const { url } = yield* NatsServer.NatsServer
        const given: Array<Given> = []
        const one = yield* replica(url, taking(given))
        yield* one.apply(egress("1"))
        const two = yield* replica(url, taking(given))
        yield* two.apply(egress("1"))
        assert.deepStrictEqual(yield* two.states, ["1 Standby"])
        yield* write(url, 10)
        yield* eventually("ten", Effect.sync(() => given.length), (count) => count === 10)
        yield* one.end
        yield* eventually("the other one", two.states, ([state]) => state === "1 Running")
        yield* write(url, 10, 10)
        yield* eventually("twenty", Effect.sync(() => given.length), (count) => count === 20)

        assert.deepStrictEqual(texts(given), named(20))
      }).pipe(Effect.provide(server)), 60_000)

    it.live("is shared by all replicas without an order, each message with one of them", () =>
      Effect.gen(function*() {
        const { url } = yield* NatsServer.NatsServer
        const [first, second]: [Array<Given>, Array<Given>] = [[], []]
        const none = { delivery: { all: { ordering: "none" } } } as const
        // What one of them holds is not given to the other one.
        const one = yield* replica(url, taking(first, { holds: "0" }), none)
        yield* one.apply(egress("1"))
        yield* write(url, 1)
        const two = yield* replica(url, taking(second), none)
        yield* two.apply(egress("1"))
        assert.deepStrictEqual([yield* one.states, yield* two.states], [["1 Running"], ["1 Running"]])
        yield* write(url, 100, 1)
        yield* eventually("some", Effect.sync(() => second.length), (count) => count > 0)
        assert.notInclude(texts(second), "0")
        // What it holds is given back with its end.
        yield* one.end
        yield* eventually("all", Effect.sync(() => second.length), (count) => count === 101)

        assert.deepStrictEqual(texts(second).map(Number).toSorted((a, b) => a - b), named(101).map(Number))
      }).pipe(Effect.provide(server)), 60_000)

    it.live("begins with what comes, where that is asked for", () =>
      Effect.gen(function*() {
        const { url } = yield* NatsServer.NatsServer
        yield* write(url, 10)
        const given: Array<Given> = []
        const one = yield* replica(url, taking(given), { delivery: { all: { from: "new" } } })
        yield* one.apply(egress("1"))
        yield* write(url, 10, 10)
        yield* eventually("ten", Effect.sync(() => given.length), (count) => count >= 10)

        assert.deepStrictEqual(texts(given), named(10, 10))
      }).pipe(Effect.provide(server)), 60_000)

    it.live(
      "acknowledges a frame that is no message, or an item that is refused, when it is a dead letter",
      () =>
        Effect.gen(function*() {
          const { url } = yield* NatsServer.NatsServer
          yield* write(url, 3)
          const given: Array<Given> = []
          const kept: Array<string> = []
          const store = (isAway: () => boolean) =>
            Layer.mock(DeadLetters.DeadLetters, {
              place: "memory",
              add: (letters) =>
                Effect.suspend(() => {
                  if (isAway()) return Effect.never
                  kept.push(...letters.map(({ key, kind }) => `${kind} ${key}`))
                  return Effect.succeed(0)
                }),
              sweep: () => Effect.succeed(0)
            })
          yield* rawly(url, ch, "no message")
          const one = yield* replica(url, taking(given, { refuses: "1" }), { letters: store(() => true) })
          yield* one.apply(egress("1"))
          yield* eventually("two", Effect.sync(() => given.length), (count) => count === 2)
          yield* one.end
          assert.deepStrictEqual(kept, [])
          const two = yield* replica(url, taking(given, { refuses: "1" }), { letters: store(() => false) })
          yield* two.apply(egress("1"))
          yield* eventually("two letters", Effect.sync(() => kept.length), (count) => count === 2)
          yield* two.end
          const three = yield* replica(url, taking(given, { refuses: "1" }), { letters: store(() => false) })
          yield* three.apply(egress("1"))
          yield* write(url, 1, 3)
          yield* eventually("the last", Effect.sync(() => given.at(-1)?.text), (last) => last === "3")

          assert.strictEqual(kept.length, 2)
          assert.match(kept.toSorted().join(), /^frame kps\.c-1\.1-malformed-ch\.1-4-\d+,payload .{12}-2-.*-0$/)
        }).pipe(Effect.provide(server)),
      60_000
    )
  }
)
