/**
 * How soon a call has to be answered, whatever the connector is busy with.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { Driver } from "./Driver.ts"
import { expect, type Mismatch } from "./Outcome.ts"

/** An RPC waits for a stream no longer than five seconds, of the ten that the caller has; some for what it does beside. */
const share = 0.8

/**
 * Fails unless a call was answered well before its caller's deadline.
 *
 * @category observing
 * @since 0.1.0
 */
export const kept = <A, E, R>(
  driver: Driver,
  what: string,
  call: Effect.Effect<A, E, R>
): Effect.Effect<A, E | Mismatch, R> =>
  Effect.gen(function*() {
    const most = share * Duration.toMillis(driver.subject.patience.call)
    const start = yield* Clock.currentTimeMillis
    const answer = yield* call
    const millis = (yield* Clock.currentTimeMillis) - start
    yield* expect(millis <= most, `${what} within ${most} ms`, `after ${millis} ms`)
    return answer
  })
