import { assert, describe, it } from "@effect/vitest"
import { Delivery } from "@kps/connector"
import { Events } from "@kps/events"
import { Transport } from "@kps/transport"
import * as TransportTest from "@kps/transport/testing/TransportTest"
import { Clock, Deferred, Effect, Layer, Logger, Random, Stream } from "effect"
import { TestClock } from "effect/testing"
import * as RunningStreams from "../src/RunningStreams.ts"
import { pass, steady } from "./steady.ts"
import {
  alertOf,
  apply,
  Brief,
  Denied,
  egress,
  Fake,
  type Fault,
  idle,
  implementation,
  layer,
  list,
  Lost,
  Poison,
  settle,
  spec,
  stateOf,
  statuses,
  told
} from "./streams.ts"

const lost = new Lost({ message: "the outside is away" })

describe("A stream that fails", () => {
  it.effect("is tried again after 250 ms, then twice as long each time", () => {
    const tries: Array<number> = []
    return Effect.gen(function*() {
      assert.deepStrictEqual(told(yield* apply([spec("1")])), ["1 UNAVAILABLE Lost"])
      yield* pass(16_000)

      assert.deepStrictEqual(tries, [0, 250, 750, 1_750, 3_750, 7_750, 15_750])
    }).pipe(
      Effect.provide(layer({
        ingress: () =>
          Effect.flatMap(Clock.currentTimeMillis, (now) => {
            tries.push(now)
            return Effect.fail(lost)
          })
      })),
      Effect.provideService(Random.Random, steady)
    )
  })

  it.effect("is tried not more than a few times a second, whether opening or running fails at once", () => {
    let opened = 0
    let ran = 0
    return Effect.gen(function*() {
      yield* apply([spec("open"), spec("run")])
      yield* pass(1_000)

      assert.isAtMost(opened, 4)
      assert.isAtMost(ran, 4)
      assert.isAbove(ran, 1)
    }).pipe(Effect.provide(layer({
      ingress: ({ id }) =>
        Effect.suspend(() => {
          if (id === "open") {
            opened++
            return Effect.fail(lost)
          }
          ran++
          return Effect.succeed(Delivery.lossy(Stream.fail(lost)))
        })
    })))
  })

  it.effect("spreads its tries", () => {
    const second = new Set<number>()
    let first = true
    return Effect.gen(function*() {
      yield* apply(Array.from({ length: 50 }, (_, i) => spec(`${i}`)))
      first = false
      yield* pass(400, 1)

      assert.isAbove(second.size, 10)
      assert.isTrue(Array.from(second).every((at) => at >= 200 && at <= 301))
    }).pipe(Effect.provide(layer({
      ingress: () =>
        Effect.flatMap(Clock.currentTimeMillis, (now) => {
          if (!first && second.size < 60 && now <= 301) second.add(now)
          return Effect.fail(lost)
        })
    })))
  })

  it.effect("starts over with 250 ms after a healthy minute", () => {
    const tries: Array<number> = []
    let fail = Deferred.makeUnsafe<never, Fault>()
    return Effect.gen(function*() {
      yield* apply([spec("1")])
      for (let i = 0; i < 3; i++) {
        yield* settle
        yield* Deferred.fail(fail, lost)
        fail = Deferred.makeUnsafe()
        yield* settle
        yield* pass(2_000)
      }
      // 250, 500, 1000 after each failure
      assert.deepStrictEqual(tries, [0, 250, 2_500, 5_000])
      yield* TestClock.adjust("61 seconds")
      const before = yield* Clock.currentTimeMillis
      yield* Deferred.fail(fail, lost)
      fail = Deferred.makeUnsafe()
      yield* settle
      yield* pass(2_000)

      assert.strictEqual(tries.at(-1)! - before, 250)
    }).pipe(
      Effect.provide(layer({
        ingress: () =>
          Effect.map(Clock.currentTimeMillis, (now) => {
            tries.push(now)
            return Delivery.lossy(Stream.fromEffect(Effect.suspend(() => Deferred.await(fail))))
          })
      })),
      Effect.provideService(Random.Random, steady)
    )
  })

  it.effect("is given up when maxElapsed is over, and then tried once more when it is named", () => {
    const tries: Array<number> = []
    return Effect.gen(function*() {
      yield* apply([spec("1")])
      yield* pass(60_000)
      // base 1 s, cap 2 s, the last when 10 s are over
      assert.deepStrictEqual(tries, [0, 1_000, 3_000, 5_000, 7_000, 9_000, 10_000])
      assert.strictEqual(yield* stateOf("1"), "Halted")

      assert.deepStrictEqual(told(yield* apply([spec("1")])), ["1 RESOURCE_EXHAUSTED Brief"])
      yield* pass(60_000)
      assert.strictEqual(tries.length, 8)
    }).pipe(
      Effect.provide(layer({
        ingress: () =>
          Effect.flatMap(Clock.currentTimeMillis, (now) => {
            tries.push(now)
            return Effect.fail(new Brief({ message: "busy" }))
          })
      })),
      Effect.provideService(Random.Random, steady)
    )
  })

  it.effect("releases what the failed try held before the next", () => {
    const log: Array<string> = []
    return Effect.gen(function*() {
      yield* apply([spec("open"), spec("run")])
      yield* pass(300)

      for (const id of ["open", "run"]) {
        assert.deepStrictEqual(log.filter((line) => line.endsWith(id)).slice(0, 4), [
          `acquire ${id}`,
          `release ${id}`,
          `acquire ${id}`,
          `release ${id}`
        ])
      }
    }).pipe(Effect.provide(layer({
      ingress: ({ id }) =>
        Effect.acquireRelease(
          Effect.sync(() => log.push(`acquire ${id}`)),
          () => Effect.sync(() => log.push(`release ${id}`))
        )
          .pipe(Effect.andThen(id === "open" ? Effect.fail(lost) : Effect.succeed(Delivery.lossy(Stream.fail(lost)))))
    })))
  })

  it.effect("halts where the table says so, and for an error about an item when there is no item", () =>
    Effect.gen(function*() {
      const outcomes = yield* apply([spec("Denied"), spec("Poison")])
      assert.deepStrictEqual(told(outcomes), ["Denied PERMISSION_DENIED Denied", "Poison INVALID_ARGUMENT Poison"])
      yield* pass(1_000)
      assert.deepStrictEqual((yield* list).map(({ state }) => state._tag), ["Halted", "Halted"])
    }).pipe(Effect.provide(layer({
      ingress: ({ id }) => id === "Denied" ? new Denied({ message: "no" }) : new Poison({ message: "bad" })
    }))))

  it.effect("reports its present failure and when it is tried next to who names it again", () =>
    Effect.gen(function*() {
      yield* apply([spec("1")])
      yield* TestClock.adjust("100 millis")
      const [outcome] = yield* apply([spec("1")])

      assert.deepStrictEqual(outcome, {
        _tag: "Failed",
        streamId: "1",
        failure: { tag: "Lost", code: "UNAVAILABLE", message: "the outside is away", retryInMillis: 150 }
      })
    }).pipe(
      Effect.provide(layer({ ingress: () => Effect.fail(lost) })),
      Effect.provideService(Random.Random, steady)
    ))

  it.effect("cuts an error's text at 200 characters", () =>
    Effect.gen(function*() {
      const [outcome] = yield* apply([spec("1")])
      assert(outcome?._tag === "Failed")
      assert.strictEqual(outcome.failure.message, `${"x".repeat(200)}…`)
    }).pipe(Effect.provide(layer({ ingress: () => Effect.fail(new Lost({ message: "x".repeat(10_000) })) }))))
})

/** Takes what is logged, as JSON. */
const logged = (lines: Array<string>) =>
  Logger.layer([Logger.map(Logger.formatJson, (line) => {
    lines.push(line)
  })])

describe("A stream that fails over and over", () => {
  it.effect("is logged once, with what it is and not what it carries", () => {
    const lines: Array<string> = []
    return Effect.gen(function*() {
      yield* apply([spec("1")])
      yield* pass(10_000)
      assert.strictEqual(lines.length, 1)
      const { annotations, level, message } = JSON.parse(lines[0]!)
      assert.deepStrictEqual([level, message], ["WARN", "stream failed"])
      assert.deepStrictEqual(annotations, {
        streamId: "1",
        tag: "Lost",
        code: "UNAVAILABLE",
        message: "the outside is away"
      })
    }).pipe(Effect.provide(Layer.provideMerge(layer({ ingress: () => Effect.fail(lost) }), logged(lines))))
  })
})

describe("A stream with a defect", () => {
  it.effect("hurts no other, tells only a reference, and is tried again", () => {
    const lines: Array<string> = []
    let tries = 0
    return Effect.gen(function*() {
      const outcomes = yield* apply([spec("throws"), spec("dies"), spec("runs"), spec("fine")])
      yield* settle
      assert.deepStrictEqual(told(outcomes), [
        "throws INTERNAL Defect",
        "dies INTERNAL Defect",
        "runs INTERNAL Defect",
        "fine running"
      ])
      const [first] = outcomes
      assert(first?._tag === "Failed")
      assert.match(first.failure.message, /^internal error, reference [0-9a-f]{16}$/)
      assert.notInclude(JSON.stringify([outcomes, yield* alertOf("streamFailed", "throws")]), "secret")
      const reference = first.failure.message.slice(-16)
      assert.isTrue(lines.some((line) => line.includes(reference) && line.includes("secret")), lines.join("\n"))

      yield* pass(300)
      assert.strictEqual(tries, 2)
      assert.strictEqual(yield* stateOf("fine"), "Running")
    }).pipe(
      Effect.provide(Layer.provideMerge(
        layer({
          ingress: ({ id }) => {
            if (id === "throws") {
              tries++
              throw new Error("secret")
            }
            if (id === "dies") return Effect.die(new Error("secret"))
            return Effect.succeed(id === "runs" ? Delivery.lossy(Stream.die(new Error("secret"))) : idle)
          }
        }),
        logged(lines)
      ))
    )
  })

  it.effect("counts an interruption that nobody asked for, and an error without a row, as one", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(told(yield* apply([spec("interrupts"), spec("unknown")])), [
        "interrupts INTERNAL Defect",
        "unknown INTERNAL Defect"
      ])
    }).pipe(Effect.provide(layer({
      // the types would not let the second pass
      ingress: ({ id }) => id === "interrupts" ? Effect.interrupt : Effect.fail({ _tag: "toString" } as never)
    }))))
})

describe("A stream whose supervision fails", () => {
  it.effect("is halted, and hurts no other", () =>
    Effect.gen(function*() {
      const { Implemented, definition, name } = Fake
      const nonsense = {
        ...definition.failures,
        Lost: { ...definition.failures.Lost, backoff: { base: "soon" as never } }
      }
      const outcomes = yield* apply([spec("1"), spec("2")]).pipe(
        Effect.provide(Layer.provide(
          RunningStreams.layer({ Implemented, name, definition: { ...definition, failures: nonsense } }),
          [
            implementation({ ingress: ({ id }) => id === "1" ? Effect.fail(lost) : Effect.succeed(idle) }),
            Transport.layerMemory,
            Events.layer
          ]
        ))
      )
      assert.deepStrictEqual(told(outcomes), ["1 INTERNAL Defect", "2 running"])
      assert(outcomes[0]?._tag === "Failed")
      assert.notProperty(outcomes[0].failure, "retryInMillis")
    }))
})

describe("A stream whose platform is away", () => {
  it.effect("is UNAVAILABLE, opens nothing meanwhile, and runs soon after the broker is back", () => {
    let opened = 0
    return Effect.gen(function*() {
      const broker = yield* TransportTest.TransportTest
      yield* broker.disconnect
      assert.deepStrictEqual(told(yield* apply([spec("1"), egress("2")])), [
        "1 UNAVAILABLE ConnectionFailed",
        "2 UNAVAILABLE ConnectionFailed"
      ])
      yield* TestClock.adjust("1 hour")
      assert.strictEqual(opened, 0)
      assert.deepStrictEqual(yield* statuses, ["1 streamUnhealthy", "2 streamUnhealthy"])

      yield* broker.reconnect
      yield* settle
      assert.strictEqual(opened, 2)
      assert.deepStrictEqual((yield* list).map(({ state }) => state._tag), ["Running", "Running"])
    }).pipe(Effect.provide(layer({
      ingress: () => Effect.sync(() => (opened++, idle)),
      egress: () => Effect.sync(() => (opened++, Delivery.sink({ idempotent: true, deliver: () => Effect.void })))
    })))
  })

  it.effect("is told not to run while the broker is away, though nothing flows, and stays open", () => {
    let opened = 0
    return Effect.gen(function*() {
      const broker = yield* TransportTest.TransportTest
      yield* apply([spec("1"), egress("2")])
      yield* broker.disconnect
      yield* settle
      assert.deepStrictEqual((yield* list).map(({ state }) => state._tag), ["Retrying", "Retrying"])
      assert.deepStrictEqual(yield* statuses, ["1 streamUnhealthy", "2 streamUnhealthy"])
      assert.deepStrictEqual(told(yield* apply([spec("1"), egress("2")])), [
        "1 UNAVAILABLE ConnectionFailed",
        "2 UNAVAILABLE ConnectionFailed"
      ])

      yield* broker.reconnect
      yield* settle
      assert.deepStrictEqual((yield* list).map(({ state }) => state._tag), ["Running", "Running"])
      assert.deepStrictEqual(yield* statuses, ["1 streamHealthy", "2 streamHealthy"])
      assert.strictEqual(opened, 2)
    }).pipe(Effect.provide(layer({
      ingress: () => Effect.sync(() => (opened++, idle)),
      egress: () => Effect.sync(() => (opened++, Delivery.sink({ idempotent: true, deliver: () => Effect.void })))
    })))
  })
})
