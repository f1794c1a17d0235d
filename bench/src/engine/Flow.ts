/**
 * Payloads from a publisher process over a nats-server to a subscriber process, counted where they arrive.
 */
import { Effect, Schema } from "effect"
import type { BenchFailed } from "./BenchFailed.ts"
import type { Side } from "./Compare.ts"
import type { Worker } from "./Worker.ts"

const Published = Schema.Struct({
  /** Payloads handed over, all of them in the broker's hands by now. */
  sent: Schema.Int,
  /** When the first was, in nanoseconds of the machine's monotonic clock, which all processes share. */
  startedNanos: Schema.Finite,
  /** User and system time of the whole process meanwhile, in microseconds. */
  cpuMicros: Schema.Finite
})

const Received = Schema.Struct({
  /** Payloads of the right size. */
  received: Schema.Int,
  /** When the last came. */
  lastNanos: Schema.Finite,
  cpuMicros: Schema.Finite
})

export interface Counts {
  readonly sent: number
  readonly received: number
}

export interface Sample extends Counts {
  /** What arrived, over the time from the first call of publish to the last arrival. */
  readonly perSecond: number
  /** CPU time of the publisher process for a payload that it sent, in microseconds. */
  readonly publisherMicros: number
  /** CPU time of the subscriber process for a payload that it received, in microseconds. */
  readonly subscriberMicros: number
}

/** The figure of most lines. */
export const rate = (sample: Sample): number => sample.perSecond

/** A subscriber and its publisher. */
export interface Ends {
  readonly subscriber: Worker
  readonly publisher: Worker
}

/** A side that publishes as fast as it can for the time of a round. */
export const side = (name: string, { publisher, subscriber }: Ends): Side<Sample> => ({
  name,
  round: Effect.fnUntraced(function*(millis: number): Effect.fn.Return<Sample, BenchFailed> {
    yield* subscriber.ask({ do: "begin" }, Schema.Struct({}))
    const { cpuMicros, sent, startedNanos } = yield* publisher.ask({ do: "publish", millis }, Published)
    const got = yield* subscriber.ask({ do: "await", count: sent }, Received)
    return {
      perSecond: got.received / ((got.lastNanos - startedNanos) / 1e9),
      sent,
      received: got.received,
      publisherMicros: cpuMicros / sent,
      subscriberMicros: got.cpuMicros / got.received
    }
  })
})

/** Says how many payloads did not arrive. */
export const lost = (samples: ReadonlyArray<Counts>): string | undefined => {
  const sent = samples.reduce((sum, sample) => sum + sample.sent, 0)
  const received = samples.reduce((sum, sample) => sum + sample.received, 0)
  if (sent === received) return undefined
  return sent > received
    ? `${sent - received} of ${sent} payloads lost`
    : `${received - sent} payloads more than the ${sent} sent`
}

/** What the other sides lost, for the note. */
export const losses = (samples: ReadonlyMap<string, ReadonlyArray<Counts>>): string | undefined => {
  const texts = Array.from(samples, ([name, all]) => [name, lost(all)] as const)
    .flatMap(([name, text]) => text === undefined ? [] : [`${name}: ${text}`])
  return texts.length === 0 ? undefined : texts.join(", ")
}

/** "0.42 us": CPU time of a payload. */
export const micros = (value: number): string => `${value.toFixed(2)} us`

/** "1.24M/s", "31.2k/s" */
export const perSecond = (value: number): string => {
  if (value >= 1e6) return `${(value / 1e6).toFixed(2)}M/s`
  return value >= 1e3 ? `${(value / 1e3).toFixed(1)}k/s` : `${value.toFixed(0)}/s`
}
