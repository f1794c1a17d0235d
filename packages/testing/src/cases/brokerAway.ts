/**
 * I32, in full: what a connector does while the platform's broker is away.
 *
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import type { Driver } from "../Driver.ts"
import * as Flow from "../Flow.ts"
import { BedFailed, expect } from "../Outcome.ts"

/** Payloads are given all the time: of 16 KiB, a thousand a second. */
const padding = "x".repeat(16_384)
/** That many a second, for what is kept of them to be seen. */
const fewest = 600
const mostBytes = 128 << 20

const mib = (bytes: number): string => `${Math.round(bytes / (1 << 20))} MiB`

/** @since 0.1.0 */
export const broken = Effect.fnUntraced(function*(driver: Driver) {
  const { broker, patience: { away }, process } = driver.subject
  if (broker === undefined || process === undefined) return yield* new BedFailed({ problem: "no process" })
  const stream = yield* driver.stream({ direction: "INGRESS" })
  yield* driver.start(stream)
  yield* Flow.flows(driver, stream)
  const before = yield* process.memoryBytes
  let given = 0
  const giving = yield* Effect.forkChild(Effect.forever(Effect.suspend(() => {
    const payloads = Array.from({ length: 20 }, () => `${stream.name}:load:${given++}:${padding}`)
    return Effect.andThen(Flow.send(driver, stream, payloads), Effect.sleep("20 millis"))
  })))
  yield* Effect.acquireRelease(broker.leave, () => broker.back)
  yield* Effect.sleep(away)
  // on a machine that is busy few are given in that time: then it takes up to three times as long
  yield* Effect.repeat(Effect.sleep("20 millis"), { while: () => given < fewest * Duration.toSeconds(away) }).pipe(
    Effect.timeoutOption(Duration.times(away, 2))
  )
  yield* expect(yield* process.isRunning, "the process to run while the broker is away", "it has ended")
  yield* driver.ok("GetEvents while the broker is away", yield* driver.wire.getEvents())
  const during = yield* process.memoryBytes
  yield* broker.back
  yield* Fiber.interrupt(giving)
  // what flows is looked at with payloads of one's own: those that were given meanwhile may wait before them
  yield* driver.eventually(
    "payloads again after the broker came back",
    Effect.gen(function*() {
      const collected = yield* Flow.collect(driver, stream)
      const text = `${stream.name}:back-${driver.run.nextName()}`
      yield* Flow.send(driver, stream, [text])
      yield* driver.quiet
      return collected.texts().includes(text) ? undefined : "none"
    }).pipe(Effect.scoped)
  )
  yield* driver.ok("SetPayload after the broker came back", yield* driver.setStreams(stream))
  const grown = Option.getOrElse(during, () => 0) - Option.getOrElse(before, () => 0)
  yield* expect(grown <= mostBytes, `memory to grow by at most ${mib(mostBytes)}`, mib(grown))
  const memory = Option.isNone(before) ? "memory not looked at: it cannot be told here" : `memory ${mib(grown)} more`
  return `${given} payloads given without a broker, for at least ${
    Duration.format(away)
  }: running, ${memory}, flowing again by itself`
})
