/**
 * How long a payload is on its way, from the call of publish in one process to the handler in another.
 *
 * Each payload carries the instant of the call, by the monotonic clock that all processes of the machine share.
 */
import { Effect, Schema } from "effect"
import type { BenchFailed } from "./BenchFailed.ts"
import type { Side } from "./Compare.ts"
import type { Ends } from "./Flow.ts"

/** A payload: the instant in eight bytes, and eight bytes more. */
export const payloadBytes = 16

const Published = Schema.Struct({ sent: Schema.Int })

const Received = Schema.Struct({
  received: Schema.Int,
  /** Half of the payloads took at most so long, in microseconds. */
  p50: Schema.Finite,
  /** 99 of 100 took at most so long, in microseconds. */
  p99: Schema.Finite
})

export type Sample = typeof Published.Type & typeof Received.Type

/** A side that publishes bursts at the pace that its publisher was given. */
export const side = (name: string, { publisher, subscriber }: Ends): Side<Sample> => ({
  name,
  round: Effect.fnUntraced(function*(millis: number): Effect.fn.Return<Sample, BenchFailed> {
    yield* subscriber.ask({ do: "begin" }, Schema.Struct({}))
    const published = yield* publisher.ask({ do: "publish", millis }, Published)
    return { ...published, ...yield* subscriber.ask({ do: "await", count: published.sent }, Received) }
  })
})

/** "184 us" */
export const micros = (value: number): string => `${value.toFixed(0)} us`
