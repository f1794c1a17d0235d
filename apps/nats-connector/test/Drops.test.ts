import { assert, describe, it } from "@effect/vitest"
import { Events } from "@kps/events"
import { Effect, Exit, Layer, Logger, References, Scope, Stream } from "effect"
import { TestClock } from "effect/testing"
import { reportDrops } from "../src/Drops.ts"
import * as Inbox from "../src/Inbox.ts"

const setup = () => {
  const lines: Array<unknown> = []
  const logger = Logger.make<unknown, void>(({ fiber, message }) =>
    void lines.push([message, fiber.getRef(References.CurrentLogAnnotations)])
  )
  const inbox = { ...Inbox.make<never>({ maxPayloads: 1, maxBytes: 1_000 }), drain: Effect.void }
  const offer = (count: number) => {
    for (let i = 0; i < count; i++) inbox.offer(new Uint8Array(1))
  }
  return { lines, inbox, offer, layer: Layer.merge(Events.layer, Logger.layer([logger])) }
}

// one cast: what the definition's metadata says
const extra = (metadata: unknown) => (metadata as { readonly ExtraMessage: { readonly dropped: number } }).ExtraMessage

const alerts = Effect.map(
  Events.Events.use((events) => events.snapshot),
  (events) =>
    events.flatMap(({ object }) =>
      object.case === "alert"
        ? [{ id: object.value.id, state: object.value.state, dropped: extra(object.value.metadata).dropped }]
        : []
    )
)

const settle = Effect.repeat(Effect.yieldNow, { times: 10 })

describe("reportDrops", () => {
  it.effect("raises one alert with the exact count, not more than a line a second, and clears it after", () => {
    const { inbox, layer, lines, offer } = setup()
    return Effect.gen(function*() {
      yield* reportDrops({ streamId: "s-1", subject: "in", subscription: inbox })
      yield* settle
      assert.deepStrictEqual(yield* alerts, [])

      offer(11)
      yield* settle
      offer(5)
      yield* settle
      const [first] = yield* alerts
      assert.deepStrictEqual([first?.id, first?.dropped], ["messagesDropped", 10])
      assert.strictEqual(lines.length, 1)

      yield* TestClock.adjust("1 second")
      const [second] = yield* alerts
      assert.strictEqual(second?.dropped, 15)
      assert.deepStrictEqual(lines.map((line) => (line as ReadonlyArray<unknown>)[1]), [
        { dropped: 10, droppedInAll: 10 },
        { dropped: 5, droppedInAll: 15 }
      ])

      yield* TestClock.adjust("11 seconds")
      const [cleared] = yield* alerts
      assert.notStrictEqual(cleared?.state, second?.state)
      assert.strictEqual(lines.length, 2)

      offer(1)
      yield* settle
      assert.strictEqual((yield* alerts)[0]?.dropped, 16)
    }).pipe(Effect.scoped, Effect.provide(layer))
  })

  it.effect("ends its alert with the stream, and tells what was dropped until then", () => {
    const { inbox, layer, lines, offer } = setup()
    return Effect.gen(function*() {
      const scope = yield* Scope.make()
      yield* Scope.provide(reportDrops({ streamId: "s-1", subject: "in", subscription: inbox }), scope)
      yield* settle
      offer(11)
      yield* settle
      const [raised] = yield* alerts
      assert.strictEqual(raised?.dropped, 10)

      offer(5)
      yield* Scope.close(scope, Exit.void)
      assert.deepStrictEqual(lines.map((line) => (line as ReadonlyArray<unknown>)[1]), [
        { dropped: 10, droppedInAll: 10 },
        { dropped: 5, droppedInAll: 15 },
        { dropped: 1 }
      ])
      assert.notStrictEqual((yield* alerts)[0]?.state, raised?.state)
      yield* TestClock.adjust("31 seconds")
      assert.deepStrictEqual(yield* alerts, [])
    }).pipe(Effect.provide(layer))
  })

  it.effect("says at its end how many were taken from outside for nothing", () => {
    const { inbox, layer, lines, offer } = setup()
    return Effect.gen(function*() {
      const scope = yield* Scope.make()
      yield* Scope.provide(reportDrops({ streamId: "s-1", subject: "in", subscription: inbox }), scope)
      offer(1)
      yield* Scope.close(scope, Exit.void)
      assert.deepStrictEqual(lines, [[["messages taken from outside end with the stream"], { dropped: 1 }]])

      lines.length = 0
      yield* Stream.runDrain(Stream.take(inbox.payloads, 1))
      yield* Effect.scoped(reportDrops({ streamId: "s-1", subject: "in", subscription: inbox }))
      assert.deepStrictEqual(lines, [])
    }).pipe(Effect.provide(layer))
  })
})
