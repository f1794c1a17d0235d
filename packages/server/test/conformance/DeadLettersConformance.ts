import { assert, it } from "@effect/vitest"
import { Channel } from "@kps/transport"
import { Effect, type Layer, Option, Stream } from "effect"
import type * as DeadLetters from "../../src/DeadLetters.ts"
import { letter, LetterPlace } from "../support/LetterPlace.ts"
import { fresh } from "../support/Place.ts"

const process = (bounds?: DeadLetters.Bounds) => LetterPlace.use((place) => place.process(bounds))

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes)

const fill = (store: DeadLetters.DeadLetters["Service"], instance: string, texts: ReadonlyArray<string>) =>
  Effect.forEach(texts, (one) => store.add([letter({ instance, bytes: new TextEncoder().encode(one) })]))

const texts = Effect.fnUntraced(function*(store: DeadLetters.DeadLetters["Service"], instance: string) {
  const { letters } = yield* store.list(instance)
  const found = yield* Effect.forEach(letters, ({ id }) => store.get(instance, id))
  return found.map((one) => text(Option.getOrThrow(one).bytes))
})

/** The behaviour that every store of dead letters owes. */
export const suite = <E>(name: string, layer: Layer.Layer<LetterPlace, E>): void =>
  it.layer(layer, { excludeTestServices: true })(`DeadLetters (${name})`, (it) => {
    it.effect("gives another process what one has added, as it was, with every byte", () =>
      Effect.gen(function*() {
        const [one, other] = yield* Effect.all([process(), process()])
        const instance = fresh("i")
        const bytes = Uint8Array.from({ length: 256 }, (_, i) => i)
        const given = letter({
          instance,
          bytes,
          stream: "ströme/*.>\u2028",
          cause: "a \"cause\" with ümlauts, \ud83d\ude00\nand a second line",
          headers: [["X-Kps", "1"], ["X-Kps", "2"], ["Kps-Position", "{}"]]
        })
        const evicted = yield* one.add([given])
        const { letters, next, unreadable } = yield* other.list(instance)
        const id = letters[0]!.id
        const kept = Option.getOrThrow(yield* other.get(instance, id))

        assert.deepStrictEqual([evicted, letters.length, next, unreadable.length], [0, 1, undefined, 0])
        assert.match(id, /^[1-9][0-9]*$/)
        const { bytes: _, ...about } = given
        assert.deepStrictEqual({ ...letters[0]! }, { ...about, id, byteLength: 256, replays: 0 })
        assert.deepStrictEqual(Array.from(kept.bytes), Array.from(bytes))
        assert.deepStrictEqual({ ...kept, bytes }, { ...given, id, byteLength: 256, replays: 0 })
      }))

    it.effect("keeps its own copy of the bytes", () =>
      Effect.gen(function*() {
        const store = yield* process()
        const instance = fresh("i")
        const bytes = new TextEncoder().encode("original")
        yield* store.add([letter({ instance, bytes })])
        bytes.fill(0)

        assert.deepStrictEqual(yield* texts(store, instance), ["original"])
      }))

    it.effect("keeps a letter once that is added twice, and the order of those that are added together", () =>
      Effect.gen(function*() {
        const store = yield* process()
        const instance = fresh("i")
        const [a, b, c] = [letter({ instance }), letter({ instance, bytes: new Uint8Array() }), letter({ instance })]
        yield* store.add([a, b])
        yield* store.add([b, c])

        assert.deepStrictEqual((yield* store.list(instance)).letters.map(({ key }) => key), [a.key, b.key, c.key])
        assert.deepStrictEqual(yield* texts(store, instance), [text(a.bytes), "", text(c.bytes)])
      }))

    it.effect("lists by pages, by stream, and instances apart", () =>
      Effect.gen(function*() {
        const store = yield* process()
        const [instance, empty] = [fresh("i"), fresh("i")]
        const all = Array.from({ length: 7 }, (_, i) => letter({ instance, stream: i % 2 === 0 ? "even" : "odd" }))
        yield* store.add([all[0]!, ...all.slice(1)])
        const pages: Array<ReadonlyArray<string>> = []
        let after: string | undefined
        do {
          const page: DeadLetters.Page = yield* store.list(instance, { after, limit: 3 })
          pages.push(page.letters.map(({ key }) => key))
          after = page.next
        } while (after !== undefined)
        const odd = yield* store.list(instance, { stream: "odd" })
        const firstOdd = yield* store.list(instance, { stream: "odd", limit: 1 })
        const others = yield* store.list(instance, { stream: "odd", after: firstOdd.next })

        assert.deepStrictEqual(pages.map((page) => page.length), [3, 3, 1])
        assert.deepStrictEqual(pages.flat(), all.map(({ key }) => key))
        assert.deepStrictEqual(odd.letters.map(({ stream }) => stream), ["odd", "odd", "odd"])
        assert.deepStrictEqual([...firstOdd.letters, ...others.letters], [...odd.letters])
        assert.deepStrictEqual((yield* store.list(empty)).letters, [])
        assert.deepStrictEqual(yield* store.get(empty, "1"), Option.none())
        assert.deepStrictEqual(yield* store.get(instance, "no id"), Option.none())
        assert.deepStrictEqual(yield* store.get(instance, "123456789"), Option.none())
      }))

    it.effect("replays a payload to its channel with its producer's timestamp, once unless asked again", () =>
      Effect.scoped(Effect.gen(function*() {
        const { transport } = yield* LetterPlace
        const [one, other] = yield* Effect.all([process(), process()])
        const instance = fresh("i")
        const channel = Channel.ChannelName.make(`ch.${instance.replaceAll(/\W/g, "")}`)
        const seen: Array<string> = []
        const messages = yield* transport.subscription(channel)
        yield* messages.pipe(
          Stream.runForEach(({ payloads, timestampNanos }) =>
            Effect.sync(() => void seen.push(...payloads.map((payload) => `${text(payload)} ${timestampNanos}`)))
          ),
          Effect.forkScoped
        )
        const given = letter({ instance, channel, bytes: new TextEncoder().encode("a"), timestampNanos: 7n })
        yield* one.add([given, letter({ instance, channel })])
        const id = (yield* one.list(instance)).letters[0]!.id
        const first = yield* one.replay(instance, id)
        const second = yield* other.replay(instance, id)
        const again = yield* other.replay(instance, id, { again: true })
        yield* Effect.sleep("50 millis")

        assert.deepStrictEqual([first, second, again], [
          { outcome: "sent", replays: 1 },
          { outcome: "before", replays: 1 },
          { outcome: "sent", replays: 2 }
        ])
        assert.deepStrictEqual(seen, ["a 7", "a 7"])
        assert.deepStrictEqual((yield* other.list(instance)).letters.map(({ replays }) => replays), [2, 0])
        assert.strictEqual(Option.getOrThrow(yield* one.get(instance, id)).replays, 2)
        const missing = yield* Effect.flip(one.replay(instance, "999999"))
        assert.strictEqual(missing.message, `connector ${JSON.stringify(instance)} has no dead letter "999999"`)
      })))

    it.effect("purges what is named and nothing else, and says how many", () =>
      Effect.scoped(Effect.gen(function*() {
        const { transport } = yield* LetterPlace
        const store = yield* process()
        const [instance, neighbour] = [fresh("i"), fresh("i")]
        const channel = Channel.ChannelName.make("ch.purge")
        yield* Effect.asVoid(transport.subscription(channel))
        const streams = ["a", "a", "b", "b", "c", "c", "c"]
        const letters = streams.map((stream) => letter({ instance, stream, channel }))
        yield* store.add([letters[0]!, ...letters.slice(1)])
        yield* store.add([letter({ instance: neighbour })])
        const ids = (yield* store.list(instance)).letters.map(({ id }) => id)
        yield* store.replay(instance, ids[1]!)
        const left = Effect.map(store.list(instance), ({ letters }) => letters.map(({ id }) => ids.indexOf(id)))

        assert.strictEqual(yield* store.purge(instance, {}), 0)
        assert.strictEqual(yield* store.purge(instance, { ids: [ids[4]!, "777777"] }), 1)
        assert.deepStrictEqual(yield* left, [0, 1, 2, 3, 5, 6])
        assert.strictEqual(yield* store.purge(instance, { replayed: true }), 1)
        assert.deepStrictEqual(yield* left, [0, 2, 3, 5, 6])
        assert.strictEqual(yield* store.purge(instance, { stream: "b", ids: [ids[2]!, ids[5]!] }), 1)
        assert.strictEqual(yield* store.purge(instance, { stream: "c" }), 2)
        assert.deepStrictEqual(yield* left, [0, 3])
        assert.strictEqual(yield* store.purge(instance, { all: true }), 2)
        assert.deepStrictEqual(yield* left, [])
        assert.strictEqual((yield* store.list(neighbour)).letters.length, 1)
        assert.strictEqual(yield* store.purge(fresh("i"), { all: true }), 0)
      })))

    it.effect("makes room by taking the oldest away, counts them, and keeps the newest in any case", () =>
      Effect.gen(function*() {
        const store = yield* process({ maxBytes: 100_000 })
        const instance = fresh("i")
        const big = (text: string) => `${text}${"x".repeat(30_000)}`
        const counts = yield* fill(store, instance, ["a", "b", "c", "d", "e"].map(big))
        const left = (yield* texts(store, instance)).map((one) => one[0])
        yield* fill(store, instance, [`f${"x".repeat(200_000)}`])

        assert.deepStrictEqual(counts, [0, 0, 0, 1, 1])
        assert.deepStrictEqual(left, ["c", "d", "e"])
        assert.deepStrictEqual((yield* texts(store, instance)).map((one) => one[0]), ["f"])
      }))

    it.effect("takes away what is too old, and counts it", () =>
      Effect.gen(function*() {
        const store = yield* process({ maxAge: "1 second" })
        const instance = fresh("i")
        yield* fill(store, instance, ["a", "b"])
        const early = yield* store.sweep(instance)
        yield* Effect.sleep("1100 millis")
        yield* fill(store, instance, ["c"])
        yield* fill(store, instance, ["d"])
        const late = yield* store.sweep(instance)

        assert.deepStrictEqual([early, late], [0, 0])
        assert.deepStrictEqual(yield* texts(store, instance), ["c", "d"])
        yield* Effect.sleep("1100 millis")
        assert.strictEqual(yield* store.sweep(instance), 2)
        assert.strictEqual(yield* store.sweep(fresh("i")), 0)
      }))
  })
