import { create, toBinary } from "@bufbuild/protobuf"
import { assert, describe, it } from "@effect/vitest"
import type { Connector } from "@kps/connector"
import { Events } from "@kps/events"
import { GetPayloadResponseSchema } from "@kps/idl"
import { Deferred, Duration, Effect, Exit, Fiber, Option, Redacted, Schema, Scope } from "effect"
import { TestClock } from "effect/testing"
import * as Discovery from "../src/Discovery.ts"
import * as Metadata from "../src/Metadata.ts"
import * as Payload from "../src/Payload.ts"

const Stream = Schema.Struct({
  subject: Schema.String,
  password: Schema.optionalKey(Schema.RedactedFromValue(Schema.String))
})
class Away extends Schema.TaggedError<Away>()("Away", { place: Schema.String }) {
  override get message() {
    return `${this.place} is away`
  }
}
type Found = ReadonlyArray<Connector.Discovered<typeof Stream.Type>>
const found = (...ids: ReadonlyArray<string>): Found =>
  ids.map((id) => ({ id, direction: "INGRESS", parameters: { subject: id } }))

const setUp = (discover: Effect.Effect<Found, Away>) =>
  Effect.gen(function*() {
    const events = yield* Events.make()
    const discovery = yield* Discovery.make({
      discover: Option.some(discover),
      stream: Metadata.make(Stream),
      events,
      timeout: Duration.seconds(5)
    })
    const offer = (patience: Duration.Duration = Duration.infinity) =>
      Effect.map(discovery.offer(patience), (offered) => offered.map(({ id }) => id))
    const alerts = Effect.map(events.snapshot, (events) =>
      events.flatMap(({ object }) => object.case === "alert" ? [object.value] : []))
    return { discovery, offer, alerts }
  })

describe("Discovery", () => {
  it.effect("offers what discover finds, as it is each time, with secrets hidden", () =>
    Effect.gen(function*() {
      let now = found("a")
      const { alerts, discovery, offer } = yield* setUp(Effect.sync(() => now))

      assert.deepStrictEqual(yield* offer(), ["a"])
      now = [{ id: "b", direction: "EGRESS", parameters: { subject: "b", password: Redacted.make("canary") } }]
      assert.deepStrictEqual(
        (yield* discovery.offer(Duration.infinity)).map(({ direction, id, metadata }) => ({ direction, id, metadata })),
        [{ id: "b", direction: "EGRESS", metadata: { subject: "b", password: "<redacted>" } }]
      )
      assert.deepStrictEqual(yield* alerts, [])
    }))

  it.effect("gives the last offer when discover fails, alerts with the cause, and clears when it works again", () =>
    Effect.gen(function*() {
      let now: Effect.Effect<Found, Away> = Effect.succeed(found("a"))
      const { alerts, offer } = yield* setUp(Effect.suspend(() => now))
      yield* offer()

      now = Effect.fail(new Away({ place: "the plant" }))
      assert.deepStrictEqual(yield* offer(), ["a"])
      assert.deepStrictEqual(yield* offer(), ["a"])
      const [alert] = yield* alerts
      assert.strictEqual(alert?.id, "discoverFailed")
      assert.strictEqual(alert?.metadata?.["ErrorMessage"], "Away: the plant is away")
      assert.deepInclude(alert?.metadata?.["ExtraMessage"], { attempts: 2 })

      now = Effect.succeed(found("b"))
      assert.deepStrictEqual(yield* offer(), ["b"])
      assert.strictEqual((yield* alerts)[0]?.severity, 1)
    }))

  it.effect("survives a defect of discover", () =>
    Effect.gen(function*() {
      const { alerts, offer } = yield* setUp(Effect.die(new Error("bug")))

      assert.deepStrictEqual(yield* offer(), [])
      assert.strictEqual((yield* alerts)[0]?.id, "discoverFailed")
    }))

  it.effect("gives up a discover that hangs after 5 seconds, and alerts", () =>
    Effect.gen(function*() {
      let interrupted = 0
      const hang = Effect.onInterrupt(Effect.never, () => Effect.sync(() => interrupted++))
      const { alerts, offer } = yield* setUp(hang)

      const call = yield* Effect.forkChild(offer(), { startImmediately: true })
      yield* TestClock.adjust("4999 millis")
      assert.isUndefined(call.pollUnsafe())
      yield* TestClock.adjust("1 millis")
      assert.deepStrictEqual(yield* Fiber.join(call), [])
      assert.strictEqual(
        (yield* alerts)[0]?.metadata?.["ErrorMessage"],
        "discover gave no answer within 5s"
      )
      assert.strictEqual(interrupted, 1)
    }))

  it.effect("never starts a second discover beside one that cannot be interrupted, nor waits for it again", () =>
    Effect.gen(function*() {
      let started = 0
      const latch = yield* Deferred.make<void>()
      const stuck = Effect.uninterruptible(
        Effect.andThen(Effect.sync(() => started++), Effect.as(Deferred.await(latch), found("late")))
      )
      const { offer } = yield* setUp(stuck)

      const call = yield* Effect.forkChild(offer(), { startImmediately: true })
      yield* TestClock.adjust("5 seconds")
      yield* Fiber.join(call)
      assert.deepStrictEqual(yield* offer(), [])
      assert.strictEqual(started, 1)

      yield* Deferred.succeed(latch, undefined)
      yield* Effect.yieldNow
      yield* Effect.yieldNow
      assert.deepStrictEqual(yield* offer(), ["late"])
      assert.strictEqual(started, 2)
    }))

  it.effect("closes at once though discover cannot be interrupted", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const { offer } = yield* Effect.provideService(setUp(Effect.uninterruptible(Effect.never)), Scope.Scope, scope)
      yield* Effect.forkChild(offer(), { startImmediately: true })

      yield* Scope.close(scope, Exit.void)
    }))

  it.effect("answers a caller in a hurry with the last offer, and has the new one for the next", () =>
    Effect.gen(function*() {
      let now = found("old")
      const { offer } = yield* setUp(Effect.delay(Effect.sync(() => now), "2 seconds"))
      const first = yield* Effect.forkChild(offer(), { startImmediately: true })
      yield* TestClock.adjust("2 seconds")
      yield* Fiber.join(first)

      now = found("new")
      const hurried = yield* Effect.forkChild(offer(Duration.seconds(1)), { startImmediately: true })
      yield* TestClock.adjust("1 seconds")
      assert.deepStrictEqual(yield* Fiber.join(hurried), ["old"])
      const next = yield* Effect.forkChild(offer(), { startImmediately: true })
      yield* TestClock.adjust("1 seconds")
      assert.deepStrictEqual(yield* Fiber.join(next), ["new"])
    }))

  it.effect("runs discover once for callers at the same time, in a scope that is closed after each run", () =>
    Effect.gen(function*() {
      let open = 0
      let runs = 0
      const acquire = Effect.acquireRelease(
        Effect.sync(() => {
          open++
          runs++
        }),
        () => Effect.sync(() => open--)
      )
      const { offer } = yield* setUp(
        Effect.scoped(Effect.andThen(acquire, Effect.delay(Effect.succeed(found("a")), "1 second")))
      )

      const calls = yield* Effect.forkChild(Effect.all([offer(), offer(), offer()], { concurrency: "unbounded" }), {
        startImmediately: true
      })
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(yield* Fiber.join(calls), [["a"], ["a"], ["a"]])
      assert.strictEqual(runs, 1)
      assert.strictEqual(open, 0)
    }))

  it.effect("lists each id once, none without an id, and says what it left out", () =>
    Effect.gen(function*() {
      const { alerts, offer } = yield* setUp(Effect.succeed(found("a", "", "a", "b")))

      assert.deepStrictEqual(yield* offer(), ["a", "b"])
      assert.strictEqual(
        (yield* alerts)[0]?.metadata?.["ErrorMessage"],
        "discover offers 2 streams that cannot be listed: without an id, with the id of another, or beyond the first 10000 or 3 MiB"
      )
    }))

  it.effect("bounds what it lists", () =>
    Effect.gen(function*() {
      const many = Array.from({ length: 10_001 }, (_, index) => String(index))
      const { offer } = yield* setUp(Effect.succeed(found(...many)))

      assert.lengthOf(yield* offer(), 10_000)
    }))

  it.effect("bounds the bytes of what it lists, so that a caller can read the reply, and says what it left out", () =>
    Effect.gen(function*() {
      const large = (index: number) => ({
        id: String(index),
        direction: "INGRESS" as const,
        parameters: { subject: "é".repeat(512) }
      })
      const { alerts, discovery } = yield* setUp(Effect.succeed(Array.from({ length: 4_000 }, (_, n) => large(n))))
      const offered = yield* discovery.offer(Duration.infinity)
      const reply = create(GetPayloadResponseSchema, {
        payloads: offered.map((stream) =>
          Payload.ofStream({ ...stream, channel: "", subscribed: false, discovered: true })
        )
      })

      assert.isAtMost(toBinary(GetPayloadResponseSchema, reply).length, 3 << 20)
      assert.isAbove(offered.length, 2_800)
      assert.strictEqual(
        (yield* alerts)[0]?.metadata?.["ErrorMessage"],
        `discover offers ${4_000 - offered.length} streams that cannot be listed: ` +
          "without an id, with the id of another, or beyond the first 10000 or 3 MiB"
      )
    }))

  it("matches by id, else by direction and parameters; lists what nobody asked for", () => {
    const offered = found("a", "b", "c").map((stream) => Object.assign({ metadata: {} }, stream))
    const { discovered, others } = Discovery.match([
      { id: "a", direction: "EGRESS", parameters: { subject: "z" } },
      { id: "mine", direction: "INGRESS", parameters: { subject: "b" } },
      { id: "not", direction: "EGRESS", parameters: { subject: "c" } }
    ], offered)

    assert.deepStrictEqual([...discovered], ["a", "mine"])
    assert.deepStrictEqual(others.map(({ id }) => id), ["c"])
  })
})
