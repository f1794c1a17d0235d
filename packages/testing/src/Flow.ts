/**
 * Data that goes through a stream: given on one side, seen on the other.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Latch from "effect/Latch"
import type * as Scope from "effect/Scope"
import type { Driver } from "./Driver.ts"
import { BedFailed, type Ended, expect, type Mismatch } from "./Outcome.ts"
import type { Collected } from "./Subject.ts"
import type { TestStream } from "./TestStream.ts"

/**
 * Sees what comes out of a stream from now on.
 *
 * @category observing
 * @since 0.1.0
 */
export const collect = (
  driver: Driver,
  stream: TestStream
): Effect.Effect<Collected, BedFailed, Scope.Scope> => {
  const { outside, pipeline } = driver.subject
  if (stream.direction === "INGRESS") return pipeline.collect(stream.channel)
  return outside?.observe === undefined ? cannot : outside.observe(stream.name)
}

/**
 * Gives payloads to a stream.
 *
 * @category giving
 * @since 0.1.0
 */
export const send = (
  driver: Driver,
  stream: TestStream,
  payloads: ReadonlyArray<string>
): Effect.Effect<void, BedFailed> => {
  const { outside, pipeline } = driver.subject
  if (stream.direction === "EGRESS") return pipeline.publish(stream.channel, payloads)
  return outside?.feed === undefined ? cannot : outside.feed(stream.name, payloads)
}

/** A case that gets here has looked at `hasData` before. */
const cannot = Effect.fail(new BedFailed({ problem: "no data can be given or seen" }))

/**
 * Payloads `from` to `to`, `to` not included, that tell which stream and which number they are.
 *
 * @category constructors
 * @since 0.1.0
 */
export const numbered = (stream: TestStream, from: number, to: number): ReadonlyArray<string> =>
  Array.from({ length: to - from }, (_, n) => `${stream.name}:${from + n}`)

/** The numbers of a stream's own payloads, as they came. */
export const numbersOf = (stream: TestStream, collected: Collected): ReadonlyArray<number> => {
  const own = `${stream.name}:`
  return collected.texts().filter((text) => text.startsWith(own)).map((text) => Number(text.slice(own.length)))
}

/**
 * The first place where numbers from 0 do not come one after another, in words; nothing when they do.
 *
 * @category observing
 * @since 0.1.0
 */
export const flaw = (numbers: ReadonlyArray<number>, count: number): string | undefined => {
  const at = numbers.findIndex((number, n) => number !== n)
  if (at >= 0) {
    const got = numbers[at]!
    const before = at === 0 ? "at first" : `after ${at - 1}`
    return got < at ? `${got} again ${before}` : `${got} ${before} (${at} is missing or late)`
  }
  return numbers.length === count ? undefined : `${numbers.length} of ${count} payloads`
}

/**
 * Fails unless the first `count` payloads of a stream come, in order, each once, and nothing after them.
 *
 * @category observing
 * @since 0.1.0
 */
export const all = Effect.fnUntraced(function*(
  driver: Driver,
  stream: TestStream,
  collected: Collected,
  count: number
): Effect.fn.Return<void, Mismatch> {
  const expected = `all ${count} payloads given to ${stream.id}, in order, each once`
  const got = () => flaw(numbersOf(stream, collected), count)
  yield* driver.eventually(expected, Effect.sync(got))
  // what comes once more comes later
  yield* driver.quiet
  const more = got()
  yield* expect(more === undefined, expected, more ?? "")
})

/**
 * Gives payloads without a pause while something is done, and fails unless all of them come, in order, each once.
 *
 * **Details**
 *
 * Succeeds with how many came; with none where the data of the stream cannot be followed: what is done is done anyway.
 *
 * @category observing
 * @since 0.1.0
 */
export const uninterrupted = Effect.fnUntraced(function*<E, R>(
  driver: Driver,
  stream: TestStream,
  during: Effect.Effect<void, E, R>
): Effect.fn.Return<number, E | Ended, R | Scope.Scope> {
  if (!driver.hasData(stream.direction)) {
    yield* during
    return 0
  }
  const collected = yield* collect(driver, stream)
  let sent = 0
  const going = Latch.makeUnsafe(true)
  const sending = yield* Effect.forkChild(Effect.gen(function*() {
    while (Latch.isOpen(going)) {
      yield* send(driver, stream, numbered(stream, sent, sent + 5))
      sent += 5
      yield* Effect.sleep("5 millis")
    }
  }))
  // what is stopped late shows after the answer
  const exit = yield* Effect.exit(Effect.andThen(during, driver.quiet))
  yield* going.close
  yield* Fiber.join(sending)
  if (Exit.isFailure(exit)) return yield* Effect.failCause(exit.cause)
  yield* all(driver, stream, collected, sent)
  return sent
})

/**
 * Fails unless one payload goes through the stream. Succeeds with whether that could be looked at.
 *
 * @category observing
 * @since 0.1.0
 */
export const flows = Effect.fnUntraced(function*(
  driver: Driver,
  stream: TestStream
): Effect.fn.Return<boolean, Ended, Scope.Scope> {
  if (!driver.hasData(stream.direction)) return false
  const collected = yield* collect(driver, stream)
  const text = `${stream.name}:probe-${driver.run.nextName()}`
  yield* send(driver, stream, [text])
  yield* driver.eventually(
    `a payload through ${stream.id}`,
    Effect.sync(() => collected.texts().includes(text) ? undefined : "nothing")
  )
  return true
})

/**
 * Fails when something given to a stream that does not run comes out of it. Succeeds with whether that could be looked
 * at.
 *
 * @category observing
 * @since 0.1.0
 */
export const silent = Effect.fnUntraced(function*(
  driver: Driver,
  stream: TestStream,
  why: string
): Effect.fn.Return<boolean, Ended, Scope.Scope> {
  if (!driver.hasData(stream.direction)) return false
  const collected = yield* collect(driver, stream)
  const text = `${stream.name}:late-${driver.run.nextName()}`
  yield* send(driver, stream, [text])
  yield* driver.quiet
  yield* expect(!collected.texts().includes(text), `nothing through ${stream.id}, ${why}`, "a payload given after that")
  return true
})

/** How much of a case's data was seen, for its report. */
export const seen = (count: number): string =>
  count === 0 ? "data not looked at: the description has no way to give and see it" : `${count} payloads in order`
