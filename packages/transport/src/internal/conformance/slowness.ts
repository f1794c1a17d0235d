/** What a transport owes when a subscriber cannot keep up. */
import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { Transport } from "../../Transport.ts"
import { freshChannel, type It, joinAll, numbered, read, reader, soon } from "./messages.ts"

/** More than any transport holds for one subscriber by default. */
const flood = 100_000

export const cases = (it: It, unread: "drop" | "wait"): void => {
  if (unread === "drop") drops(it)
  else waits(it)

  it.effect("loses nothing of a subscriber that is slow for a while", () =>
    Effect.gen(function*() {
      const transport = yield* Transport
      const channel = freshChannel()
      const before = yield* transport.stats
      const stream = yield* transport.subscription(channel)
      yield* transport.publishAll(channel, numbered(30_000))
      const received = yield* stream.pipe(
        Stream.take(30_000),
        Stream.mapArrayEffect((messages) => Effect.as(Effect.yieldNow, messages)),
        Stream.runCollect
      )

      assert.deepStrictEqual(received.map(read), numbered(30_000).map(read))
      assert.strictEqual((yield* transport.stats).dropped, before.dropped)
    }), 30_000)
}

const drops = (it: It): void => {
  const name = "drops the newest messages of a subscriber that reads nothing, counts and tells them, and no others"
  it.effect(name, () =>
    Effect.gen(function*() {
      const transport = yield* Transport
      const channel = freshChannel()
      let told = 0
      const onDropped = (count: number) => Effect.sync(() => void (told += count))
      const before = yield* transport.stats
      const stalled = yield* transport.subscription(channel, { onDropped })
      const brisk = yield* reader(channel, flood)
      const messages = numbered(flood)
      for (let sent = 0; sent < flood; sent += 1000) {
        yield* transport.publishAll(channel, messages.slice(sent, sent + 1000))
      }
      const [everything] = yield* joinAll([brisk])
      yield* transport.flush
      const dropped = (yield* transport.stats).dropped - before.dropped
      const kept = yield* stalled.pipe(Stream.take(flood - dropped), Stream.runCollect)
      const after = yield* transport.stats

      assert.isAbove(dropped, 0)
      assert.isBelow(dropped, flood)
      assert.isTrue(yield* soon(Effect.sync(() => told === dropped)), `told ${told} of ${dropped}`)
      assert.deepStrictEqual(kept.map(read), messages.slice(0, flood - dropped).map(read))
      assert.strictEqual(everything?.length, flood)
      assert.strictEqual(after.published - before.published, flood)
      assert.strictEqual(after.received - before.received, 2 * flood - dropped)
      assert.strictEqual(after.malformed, before.malformed)
    }), 30_000)
}

const waits = (it: It): void => {
  it.effect("loses nothing of a subscriber that reads nothing for a while", () =>
    Effect.gen(function*() {
      const transport = yield* Transport
      const channel = freshChannel()
      const before = yield* transport.stats
      const stalled = yield* transport.subscription(channel)
      const brisk = yield* reader(channel, flood)
      const messages = numbered(flood)
      yield* transport.publishAll(channel, messages)
      const [everything] = yield* joinAll([brisk])
      const kept = yield* stalled.pipe(Stream.take(flood), Stream.runCollect)
      const after = yield* transport.stats

      assert.strictEqual(everything?.length, flood)
      assert.deepStrictEqual(kept.map(read), messages.map(read))
      assert.strictEqual(after.dropped, before.dropped)
      assert.strictEqual(after.received - before.received, 2 * flood)
    }), 60_000)
}
