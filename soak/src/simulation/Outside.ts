/** The outside of the simulated connector: a source that is acknowledged, one that can be resumed, and their sinks. */
import { Connector, Delivery, Failure } from "@kps/connector"
import { Effect, Option, Random, Schema, Stream } from "effect"
import * as Mutant from "../connector/Mutant.ts"
import type { Scale } from "./History.ts"
import type { Machine } from "./Machine.ts"

/** The outside does not answer. */
class Busy extends Schema.TaggedError<Busy>()("Busy", {}) {}

/** The outside will never take it. */
class Poison extends Schema.TaggedError<Poison>()("Poison", { number: Schema.Finite }) {}

export const SimulatedConnector = Connector.make("simulatedconnector")({
  version: "1.0",
  description: "Moves numbered records between a simulated outside and channels.",
  direction: "BIDIRECTIONAL",
  stream: Schema.Struct({ kind: Schema.Literals(["spool", "log"]) }),
  config: Schema.Struct({}),
  failures: {
    Busy: Failure.retry({ code: "UNAVAILABLE", severity: "WARNING" }),
    Poison: Failure.deadLetter({ code: "INVALID_ARGUMENT", severity: "WARNING" })
  }
})

export type Kind = "spool" | "log"

export interface Delivered {
  readonly id: string
  readonly number: number
}

/** What outlives every process of the connector. */
export class Outside {
  readonly count: number
  /** A source gives what it has next after at most so many seconds. */
  pace: number
  readonly acknowledged = new Set<number>()
  readonly delivered: Record<Kind, Array<Delivered>> = { spool: [], log: [] }
  /** The highest that a source has given. */
  readonly given: Record<Kind, number> = { spool: 0, log: 0 }

  /** How many records were given that are not with the sink, or not acknowledged though they are; but for those it never takes. */
  get underWay(): number {
    return (["spool", "log"] as const).reduce((sum, kind) => {
      const there = new Set(this.delivered[kind].map(({ number }) => number))
      const isDone = (number: number) => there.has(number) && (kind === "log" || this.acknowledged.has(number))
      return sum + numbersFrom(1, this.given[kind]).filter((number) => !isPoison(number) && !isDone(number)).length
    }, 0)
  }
  /** The outside answers nothing. */
  busy = false

  constructor({ count, pace }: Scale) {
    this.count = count
    this.pace = pace
  }
}

/** Every so many records there is one that the sink never takes. */
const poisoned = 37
export const isPoison = (number: number): boolean => number % poisoned === 7

const bytes = (number: number) => new TextEncoder().encode(`${number}`)
export const numberOf = (payload: Uint8Array): number => Number(new TextDecoder().decode(payload))

const numbersFrom = (from: number, to: number) => Array.from({ length: Math.max(0, to - from + 1) }, (_, n) => from + n)

/** Up to three records, after a while; waits for ever when there are no more. */
const arrays = (machine: Machine, outside: Outside, kind: Kind, from: number, skip: (number: number) => boolean) => {
  let next = from
  return Stream.fromEffectRepeat(Effect.gen(function*() {
    yield* Effect.sleep(yield* Random.nextIntBetween(0, outside.pace * 1_000))
    yield* machine.alive
    if (outside.busy) return yield* new Busy()
    const length = yield* Random.nextIntBetween(1, 3)
    while (next <= outside.count && skip(next)) next++
    const [first, ...rest] = numbersFrom(next, Math.min(outside.count, next + length - 1)).filter((one) => !skip(one))
    if (first === undefined) return yield* Effect.never
    next = (rest.at(-1) ?? first) + 1
    outside.given[kind] = Math.max(outside.given[kind], next - 1)
    return [first, ...rest] as const
  }))
}

const payloads = ([first, ...rest]: readonly [number, ...ReadonlyArray<number>]) =>
  [bytes(first), ...rest.map(bytes)] as const

const spool = (machine: Machine, outside: Outside) => {
  const done = new Set(outside.acknowledged)
  return Delivery.acknowledged(
    Stream.map(arrays(machine, outside, "spool", 1, (number) => done.has(number)), (numbers) => ({
      payloads: payloads(numbers),
      ack: Effect.andThen(
        machine.alive,
        Effect.sync(() => {
          for (const number of numbers) outside.acknowledged.add(number)
        })
      )
    }))
  )
}

const log = (machine: Machine, outside: Outside, mutant: Mutant.Mutant) =>
  Delivery.resumable({
    position: Schema.Int,
    from: (at) =>
      Stream.map(arrays(machine, outside, "log", Option.getOrElse(at, () => 1), () => false), (numbers) => ({
        payloads: payloads(numbers),
        position: Mutant.position(mutant, (numbers.at(-1) ?? 0) + 1, 5)
      }))
  })

const sink = (machine: Machine, outside: Outside, kind: Kind, mutant: Mutant.Mutant) =>
  Delivery.sinkPartial<Busy | Poison, never>({
    idempotent: true,
    deliver: Effect.fnUntraced(function*(batch) {
      yield* machine.alive
      if (outside.busy || (yield* Random.next) < 0.01) return yield* new Busy()
      const failed: Array<{ readonly index: number; readonly error: Busy | Poison }> = []
      let stuck = false
      for (const [index, { attempt, id, payload }] of batch.entries()) {
        const number = numberOf(payload)
        // it takes them in order: those behind one that is to come again come again
        stuck ||= (yield* Random.next) < 0.01
        if (stuck) failed.push({ index, error: new Busy() })
        else if (isPoison(number)) failed.push({ index, error: new Poison({ number }) })
        else outside.delivered[kind].push({ id: Mutant.id(mutant, id, attempt), number })
      }
      // it has them, and nobody knows that yet
      yield* Effect.sleep(yield* Random.nextIntBetween(0, 300))
      yield* machine.alive
      return { failed }
    })
  })

/** The connector in one process. */
export const layer = (machine: Machine, outside: Outside, mutant: Mutant.Mutant) =>
  SimulatedConnector.toLayer(Effect.succeed({
    ingress: ({ parameters: { kind } }) =>
      Effect.as(machine.alive, kind === "spool" ? spool(machine, outside) : log(machine, outside, mutant)),
    egress: ({ parameters: { kind } }) => Effect.as(machine.alive, sink(machine, outside, kind, mutant))
  }))
