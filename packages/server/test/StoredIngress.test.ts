import { assert, describe, it } from "@effect/vitest"
import { Delivery } from "@kps/connector"
import * as NatsServer from "@kps/transport/testing/NatsServer"
import * as Proxy from "@kps/transport/testing/Proxy"
import { Array as Arr, Effect, Option, Schema, Stream } from "effect"
import { ChannelPosition, type Mark } from "../src/ChannelPosition.ts"
import { bytes, channel, type Hooks, spec } from "./streams.ts"
import { eventually, lose, onlooker, replica } from "./support/StoredReplica.ts"

const ch = channel("ch.1")

/** A source of numbers, in arrays of `size` from multiples of it on, that remembers where it began. */
const numbers = (
  starts: Array<number>,
  options: {
    readonly size?: number
    readonly end?: number
    readonly every?: number
    readonly last?: number
    /** Whether each number has a position of its own. */
    readonly named?: boolean
  } = {}
): Hooks => {
  const { end = Infinity, every = 0, last = 20, named = false, size = 1 } = options
  return {
    ingress: () =>
      Effect.succeed(Delivery.resumable({
        position: Schema.Struct({ next: Schema.BigInt }),
        from: (at) => {
          const start = Option.match(at, { onNone: () => 0, onSome: ({ next }) => Number(next) })
          starts.push(start)
          const arrays = Stream.unfold(start, (next) => {
            if (next >= Math.min(end, last)) return Effect.undefined
            const array = Arr.range(next, next + size - 1)
            const behind = (n: number) => ({ next: BigInt(n + 1) })
            const one = {
              payloads: Arr.map(array, (n) => bytes(`${n}`)),
              position: behind(array.at(-1) ?? next),
              ...(named ? { positionOf: (index: number) => behind(array[index] ?? Number.NaN) } : {})
            }
            return Effect.as(every === 0 ? Effect.void : Effect.sleep(every), [one, next + size] as const)
          })
          return end <= last ? arrays : Stream.concat(arrays, Stream.never)
        }
      }))
  }
}

const named = (count: number, from = 0) => Array.from({ length: count }, (_, i) => `${from + i}`)

/** As stream 1 of `c-1` writes it, with the parameters of `spec`. */
const stamp = (mark: Mark, streamId = "1", known = 0) =>
  new ChannelPosition({ instance: "c-1", streamId, parameters: {} }).encode(mark, known)

const texts = (stored: ReadonlyArray<{ readonly text: string }>) => stored.map(({ text }) => text)

const message = (text: string) => ({ payloads: [bytes(text)], timestampNanos: 1n })

const server = NatsServer.layer({ jetstream: true })

describe.skipIf(NatsServer.skipReason() !== undefined)(
  NatsServer.suiteName("A source whose channel is in JetStream"),
  () => {
    for (const state of ["behind", "empty"] as const) {
      it.live(
        `goes on behind the last stored message though the saved position is ${state}`,
        () =>
          Effect.gen(function*() {
            const { url } = yield* NatsServer.NatsServer
            const look = yield* onlooker(url)
            const starts: Array<number> = []
            const first = yield* replica(url, numbers(starts, { last: 21, size: 7 }))
            yield* first.apply(spec("1"))
            yield* eventually("all of the first", look.stored(ch), (all) => all.length === 21)
            yield* first.end
            if (state === "behind") {
              const saved = Option.getOrThrow(yield* look.positions.get("c-1", "1"))
              assert.deepStrictEqual(saved.position, { next: "21" })
              yield* look.positions.set("c-1", "1", { ...saved, position: { next: "7" } }, saved.revision)
            }
            const second = yield* replica(url, numbers(starts, { last: 35, size: 7 }), {
              state: state === "empty" ? "memory" : "jetstream"
            })
            yield* second.apply(spec("1"))
            const stored = yield* eventually("the rest", look.stored(ch), (all) => all.length >= 35)

            assert.deepStrictEqual(starts, [0, 21])
            assert.deepStrictEqual(texts(stored), named(35))
            assert.isAbove(stored.at(-1)!.epoch!, stored[0]!.epoch!)
          }).pipe(Effect.provide(server)),
        60_000
      )
    }

    it.live(
      "goes on in the middle of an array of which a part was stored, without a gap or a repeat",
      () =>
        Effect.gen(function*() {
          const { url } = yield* NatsServer.NatsServer
          const look = yield* onlooker(url)
          const before = yield* look.jetStream.writer(ch, { epoch: 0 })
          yield* before.publishConfirmed([{ ...message("9"), position: stamp({ at: "{\"next\":\"7\"}", plus: 3 }) }])
          const starts: Array<number> = []
          const one = yield* replica(url, numbers(starts, { last: 28, size: 7 }))
          yield* one.apply(spec("1"))
          const stored = yield* eventually("the rest", look.stored(ch), (all) => all.length >= 19)

          assert.deepStrictEqual(starts, [7])
          assert.deepStrictEqual(texts(stored), named(19, 9))
          const places = stored.slice(1, 6).map(({ position }) => {
            const { at, plus } = JSON.parse(position ?? "{}")
            return [at.next, plus]
          })
          assert.deepStrictEqual(places, [["7", 4], ["7", 5], ["7", 6], ["14", undefined], ["14", 1]])
        }).pipe(Effect.provide(server)),
      60_000
    )

    it.live(
      "goes on at the payload's own position where the source names it, and counts nothing off",
      () =>
        Effect.gen(function*() {
          const { url } = yield* NatsServer.NatsServer
          const look = yield* onlooker(url)
          const placesOf = (stored: ReadonlyArray<{ readonly position: string | undefined }>) =>
            stored.map(({ position }) => {
              const { at, plus } = JSON.parse(position ?? "{}")
              return [at.next, plus]
            })
          // stored by one that named none: three are to be passed over, and the next ones are named
          const before = yield* look.jetStream.writer(ch, { epoch: 0 })
          yield* before.publishConfirmed([{ ...message("9"), position: stamp({ at: "{\"next\":\"7\"}", plus: 3 }) }])
          const starts: Array<number> = []
          const first = yield* replica(url, numbers(starts, { last: 14, named: true, size: 7 }))
          yield* first.apply(spec("1"))
          yield* eventually("the rest of the array", look.stored(ch), (all) => all.length === 5)
          yield* first.end
          const middle = yield* look.stored(ch)
          assert.deepStrictEqual(texts(middle), named(5, 9))
          assert.deepStrictEqual(placesOf(middle.slice(1)), [11, 12, 13, 14].map((next) => [`${next}`, undefined]))
          // what a process leaves that is killed in the middle of an array
          const killed = yield* look.jetStream.writer(ch, { epoch: middle.at(-1)!.epoch! + 1 })
          yield* killed.publishConfirmed([
            { ...message("14"), position: stamp({ at: "{\"next\":\"15\"}", plus: 0 }) }
          ])
          const second = yield* replica(url, numbers(starts, { last: 22, named: true, size: 7 }))
          yield* second.apply(spec("1"))
          const stored = yield* eventually("the rest", look.stored(ch), (all) => all.length >= 13)

          assert.deepStrictEqual(starts, [7, 15])
          assert.deepStrictEqual(texts(stored), named(13, 9))
        }).pipe(Effect.provide(server)),
      60_000
    )

    it.live(
      "is written by one replica: what an old holder has on its way when it is cut off is refused",
      () =>
        Effect.gen(function*() {
          const { port, url } = yield* NatsServer.NatsServer
          const proxy = yield* Proxy.make(`127.0.0.1:${port}`)
          const look = yield* onlooker(url)
          const [olds, youngs]: [Array<number>, Array<number>] = [[], []]
          const endless = { every: 1, last: 1_000_000 }
          const old = yield* replica(proxy.url, numbers(olds, endless))
          yield* old.apply(spec("1"))
          yield* eventually("some", look.stored(ch), (all) => all.length > 20)
          const young = yield* replica(url, numbers(youngs, endless))
          yield* young.apply(spec("1"))
          assert.deepStrictEqual(yield* young.states, ["1 Standby"])
          yield* proxy.hold("everything")
          yield* eventually("the other one", young.states, ([state]) => state === "1 Running")
          const { length } = yield* look.stored(ch)
          yield* eventually("some of the other one", look.stored(ch), (all) => all.length > length + 20)
          yield* proxy.release
          yield* eventually("the old one heard of it", old.states, ([state]) => state === "1 Standby")
          const then = (yield* look.stored(ch)).length
          const stored = yield* eventually("more", look.stored(ch), (all) => all.length > then + 20)

          assert.deepStrictEqual(texts(stored), named(stored.length))
          assert.strictEqual(new Set(stored.map(({ epoch }) => epoch)).size, 2)
          // It begins anew when the old one has stored something after the resume point was read.
          assert.isAbove(Math.min(...youngs), 20)
        }).pipe(Effect.provide(server)),
      60_000
    )

    it.live("has an epoch above all that the channel has seen, though tokens began anew", () =>
      Effect.gen(function*() {
        const { url } = yield* NatsServer.NatsServer
        const look = yield* onlooker(url)
        const before = yield* look.jetStream.writer(ch, { epoch: 1_000 })
        yield* before.publishConfirmed([{ ...message("0"), position: stamp({ at: "{\"next\":\"1\"}", plus: 0 }) }])
        const one = yield* replica(url, numbers([], { last: 5 }))
        yield* one.apply(spec("1"))
        const stored = yield* eventually("all", look.stored(ch), (all) => all.length === 5)
        const late = yield* Effect.flip(before.publishConfirmed([message("x")]))

        assert.deepStrictEqual(texts(stored), named(5))
        assert.deepStrictEqual(stored.map(({ epoch }) => epoch), [1_000, 1_001, 1_001, 1_001, 1_001])
        assert.strictEqual(late.reason._tag, "WriterFenced")
      }).pipe(Effect.provide(server)), 60_000)

    it.live(
      "halts without a lease when another one has written meanwhile, and stores nothing of its own",
      () =>
        Effect.gen(function*() {
          const { port, url } = yield* NatsServer.NatsServer
          const proxy = yield* Proxy.make(`127.0.0.1:${port}`)
          const look = yield* onlooker(url)
          const endless = { every: 1, last: 1_000_000 }
          const old = yield* replica(proxy.url, numbers([], endless), { state: "memory" })
          yield* old.apply(spec("1"))
          yield* eventually("some", look.stored(ch), (all) => all.length > 5)
          yield* proxy.hold("everything")
          const young = yield* replica(url, numbers([], endless), { state: "memory" })
          yield* young.apply(spec("1"))
          const { length } = yield* look.stored(ch)
          yield* eventually("some of the other one", look.stored(ch), (all) => all.length > length + 5)
          yield* proxy.release
          yield* eventually("the old one's end", old.states, ([state]) => state === "1 Halted")
          const error = (yield* old.alert("transportPublishFailed", "1"))?.ErrorMessage
          assert.match(
            error ?? "",
            /^WriterFenced: writer of epoch \d+ on "ch.1" is fenced: message \d+ is of epoch \d+$/
          )
          const then = (yield* look.stored(ch)).length
          const stored = yield* eventually("more", look.stored(ch), (all) => all.length > then + 5)

          assert.deepStrictEqual(texts(stored), named(stored.length))
        }).pipe(Effect.provide(server)),
      60_000
    )

    for (
      const [what, position, problem] of [
        ["damaged", "{\"v\":1,\"of\":", "is damaged, or of a later version: got \"{\\\"v\\\":1,\\\"of\\\":\""],
        [
          "of another stream",
          stamp({ at: "{\"next\":\"3\"}", plus: 0 }, "2"),
          "is of another stream than \"1\" of \"c-1\""
        ],
        ["not the source's", stamp({ at: "{\"next\":[]}", plus: 0 }), "does not fit the source"]
      ] as const
    ) {
      it.live(
        `stops with a clear error at a position that is ${what}, until it is mended`,
        () =>
          Effect.gen(function*() {
            const { url } = yield* NatsServer.NatsServer
            const look = yield* onlooker(url)
            const before = yield* look.jetStream.writer(ch, { epoch: 0 })
            yield* before.publishConfirmed([{ ...message("x"), position }])
            const starts: Array<number> = []
            const one = yield* replica(url, numbers(starts))
            const [outcome] = yield* one.apply(spec("1"))
            assert.strictEqual(outcome?._tag === "Failed" ? outcome.failure.code : outcome?._tag, "FAILED_PRECONDITION")
            const error = (yield* one.alert("positionFailed", "1"))?.ErrorMessage
            assert.include(error, "of message 1 on \"ch.1\"")
            assert.include(error, problem)
            assert.include(error, "kps positions set")
            yield* look.positions.set("c-1", "1", { position: { next: "18" }, parameters: {} }, 0)
            const stored = yield* eventually("the rest", look.stored(ch), (all) => all.length === 3)

            assert.deepStrictEqual(starts, [18])
            assert.deepStrictEqual(texts(stored), ["x", "18", "19"])
          }).pipe(Effect.provide(server)),
        60_000
      )
    }

    it.live(
      "stops with a clear error at a position that is ahead of what the source has",
      () =>
        Effect.gen(function*() {
          const { url } = yield* NatsServer.NatsServer
          const look = yield* onlooker(url)
          const before = yield* look.jetStream.writer(ch, { epoch: 0 })
          yield* before.publishConfirmed([{ ...message("x"), position: stamp({ at: "{\"next\":\"8\"}", plus: 5 }) }])
          const starts: Array<number> = []
          const one = yield* replica(url, numbers(starts, { end: 10, last: 10 }))
          yield* one.apply(spec("1"))
          yield* eventually("the error", one.states, ([state]) => state === "1 Retrying FAILED_PRECONDITION")

          const error = (yield* one.alert("positionFailed", "1"))?.ErrorMessage
          assert.include(error, "is ahead of the source, which ended after 2 of 5 payloads behind it")
          assert.deepStrictEqual(texts(yield* look.stored(ch)), ["x"])
        }).pipe(Effect.provide(server)),
      60_000
    )

    it.live(
      "goes where somebody sets its position, begins anew where that is reset, and does so once",
      () =>
        Effect.gen(function*() {
          const { url } = yield* NatsServer.NatsServer
          const look = yield* onlooker(url)
          const starts: Array<number> = []
          const run = Effect.fnUntraced(function*(last: number, count: number) {
            const one = yield* replica(url, numbers(starts, { last }))
            yield* one.apply(spec("1"))
            yield* eventually(`${count}`, look.stored(ch), (all) => all.length === count)
            return one
          })
          yield* Effect.flatMap(run(3, 3), ({ end }) => end)
          const saved = Option.getOrThrow(yield* look.positions.get("c-1", "1"))
          yield* look.positions.set("c-1", "1", { position: { next: "1" }, parameters: {} }, saved.revision)
          yield* Effect.flatMap(run(3, 5), ({ end }) => end)
          yield* Effect.flatMap(run(4, 6), ({ end }) => end)
          yield* look.positions.reset("c-1", "1")
          yield* Effect.flatMap(run(2, 8), ({ end }) => end)
          yield* run(3, 9)

          assert.deepStrictEqual(starts, [0, 1, 3, 0, 2])
          assert.deepStrictEqual(texts(yield* look.stored(ch)), ["0", "1", "2", "1", "2", "3", "0", "1", "2"])
        }).pipe(Effect.provide(server)),
      60_000
    )

    it.live(
      "goes where somebody sets or resets its position after all positions were lost, and does so once",
      () =>
        Effect.gen(function*() {
          const { url } = yield* NatsServer.NatsServer
          const look = yield* onlooker(url)
          const starts: Array<number> = []
          const run = Effect.fnUntraced(function*(last: number, count: number) {
            const one = yield* replica(url, numbers(starts, { last }))
            yield* one.apply(spec("1"))
            yield* eventually(`${count}`, look.stored(ch), (all) => all.length === count)
            yield* one.end
          })
          // the bucket that is gone is found out by the first try
          const set = (next: string, expected = 0) =>
            Effect.retry(look.positions.set("c-1", "1", { position: { next }, parameters: {} }, expected), { times: 5 })
          // of what follows the writer knows a revision that is high
          let revision = yield* set("0")
          for (let i = 0; i < 20; i++) revision = yield* set("0", revision)
          yield* run(3, 3)
          assert.isAbove(JSON.parse((yield* look.stored(ch))[0]!.position ?? "").known, 20)
          yield* lose(url, "positions")
          assert.isBelow(yield* set("1"), 20)
          yield* run(3, 5)
          yield* run(4, 6)
          yield* lose(url, "positions")
          yield* run(5, 7)
          yield* lose(url, "positions")
          yield* Effect.retry(look.positions.reset("c-1", "1"), { times: 5 })
          yield* run(2, 9)
          yield* run(3, 10)

          assert.deepStrictEqual(starts, [0, 1, 3, 4, 0, 2])
          assert.deepStrictEqual(
            texts(yield* look.stored(ch)),
            ["0", "1", "2", "1", "2", "3", "4", "0", "1", "2"]
          )
        }).pipe(Effect.provide(server)),
      60_000
    )

    it.live(
      "that acknowledges shares its channel with another one that has a lease, and both go on",
      () =>
        Effect.gen(function*() {
          const { url } = yield* NatsServer.NatsServer
          const look = yield* onlooker(url)
          const acked: Array<string> = []
          const hooks = (prefix: string): Hooks => ({
            ingress: () =>
              Effect.succeed(Delivery.acknowledged(
                Stream.range(0, 199).pipe(
                  Stream.mapEffect((n) => Effect.as(Effect.sleep(1), `${prefix}${n}`)),
                  Stream.map((one) => ({
                    payloads: [bytes(one)] as const,
                    ack: Effect.sync(() => acked.push(one))
                  }))
                )
              ))
          })
          const a = yield* replica(url, hooks("a"), { instance: "c-a" })
          const b = yield* replica(url, hooks("b"), { instance: "c-b" })
          yield* Effect.all([a.apply(spec("1")), b.apply(spec("1"))], { concurrency: 2 })
          yield* eventually(
            "both done",
            Effect.all([a.states, b.states]),
            (states) => states.flat().every((state) => state === "1 Done")
          )

          const stored = new Set(texts(yield* look.stored(ch)))
          assert.isAbove(acked.length, 399)
          assert.deepStrictEqual(acked.filter((one) => !stored.has(one)), [])
        }).pipe(Effect.provide(server)),
      60_000
    )
  }
)
