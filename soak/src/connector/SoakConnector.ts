/**
 * The connector that is killed: its outside is a folder for each stream, so that nothing but the promises of the
 * framework is looked at.
 */
import { Connector, Delivery, Failure } from "@kps/connector"
import { Effect, Option, Schema, Stream } from "effect"
import * as Book from "./Book.ts"
import * as Mutant from "./Mutant.ts"

/** The folder cannot be written. */
class OutsideFailed extends Schema.TaggedError<OutsideFailed>()("OutsideFailed", { problem: Schema.String }) {}

export const SoakConnector = Connector.make("soakconnector")({
  version: "1.0",
  description: "Moves numbered records between folders and channels, and writes down what it does.",
  direction: "BIDIRECTIONAL",
  stream: Schema.Struct({
    folder: Schema.String.annotate({ description: "Where the books of the stream are" }),
    source: Schema.Literals(["spool", "log"]).annotate({
      description: "A spool forgets what was acknowledged; a log can be read again from any record"
    }).pipe(Schema.withDecodingDefaultTypeKey(Effect.succeed("spool" as const))),
    count: Schema.Int.annotate({ description: "How many records the source has" }).pipe(
      Schema.withDecodingDefaultTypeKey(Effect.succeed(0))
    ),
    per_second: Schema.Int.annotate({ description: "How many records it gives a second" }).pipe(
      Schema.withDecodingDefaultTypeKey(Effect.succeed(1_000))
    )
  }),
  config: Schema.Struct({}),
  failures: { OutsideFailed: Failure.retry({ code: "UNAVAILABLE", severity: "CRITICAL" }) }
})

/** Records of one array. */
const arrayLength = 10

/** How long the outside takes to say that it has what it was given. */
const settles = "3 millis"

const attempt = <A>(run: () => A) =>
  Effect.try({ try: run, catch: (cause) => new OutsideFailed({ problem: String(cause) }) })

/** Gives the arrays that `next` finds, at a pace; waits for ever when there are no more. */
const paced = (perSecond: number, next: () => ReadonlyArray<number>) =>
  Stream.fromEffectRepeat(
    Effect.suspend(() => {
      const numbers = next()
      const [first] = numbers
      return first === undefined
        ? Effect.never
        : Effect.as(
          Effect.sleep(`${(1_000 * numbers.length) / perSecond} millis`),
          [first, ...numbers.slice(1)] as const
        )
    })
  )

const spanOf = (numbers: readonly [number, ...ReadonlyArray<number>], by: string): Book.Span => ({
  from: numbers[0],
  to: numbers.at(-1) ?? numbers[0],
  by
})

const payloads = ([first, ...rest]: readonly [number, ...ReadonlyArray<number>]) =>
  [Book.payload(first), ...rest.map(Book.payload)] as const

interface Parameters {
  readonly folder: string
  readonly count: number
  readonly per_second: number
}

/** Gives what was not acknowledged when it was opened, in order. */
const spool = ({ count, folder, per_second }: Parameters, by: string) =>
  Effect.map(attempt(() => Book.acknowledged(folder)), (acknowledged) => {
    const done = new Set(
      acknowledged.flatMap(({ from, to }) => Array.from({ length: to - from + 1 }, (_, n) => from + n))
    )
    let number = 1
    const next = () => {
      const numbers: Array<number> = []
      for (; number <= count && numbers.length < arrayLength; number++) if (!done.has(number)) numbers.push(number)
      return numbers
    }
    return Delivery.acknowledged(Stream.mapEffect(paced(per_second, next), (numbers) => {
      const span = spanOf(numbers, by)
      return Effect.as(attempt(() => Book.give(folder, span)), {
        payloads: payloads(numbers),
        ack: attempt(() => Book.acknowledge(folder, span))
      })
    }))
  })

/** Gives everything from a position on: the number of the next record. */
const log = ({ count, folder, per_second }: Parameters, by: string, mutant: Mutant.Mutant) =>
  Effect.succeed(Delivery.resumable({
    position: Schema.Int,
    from: (at) => {
      let number = Option.getOrElse(at, () => 1)
      const next = () => {
        const numbers = Array.from({ length: Math.min(arrayLength, count - number + 1) }, (_, n) => number + n)
        number += numbers.length
        return numbers
      }
      return Stream.mapEffect(paced(per_second, next), (numbers) => {
        const span = spanOf(numbers, by)
        return Effect.as(attempt(() => Book.give(folder, span)), {
          payloads: payloads(numbers),
          position: Mutant.position(mutant, span.to + 1)
        })
      })
    }
  }))

export interface Options {
  /** Which replica writes in the books. */
  readonly by: string
  readonly mutant: Mutant.Mutant
}

export const layer = ({ by, mutant }: Options) =>
  SoakConnector.toLayer(Effect.succeed({
    ingress: ({ parameters }) => parameters.source === "spool" ? spool(parameters, by) : log(parameters, by, mutant),
    egress: ({ parameters: { folder } }) =>
      Effect.succeed(Delivery.sink({
        idempotent: true,
        deliver: (batch) =>
          attempt(() =>
            Book.deliver(
              folder,
              batch.map(({ attempt, id, payload }) => ({
                id: Mutant.id(mutant, id, attempt),
                number: Book.numberOf(payload),
                by
              }))
            )
          ).pipe(Effect.andThen(Effect.sleep(settles)))
      }))
  }))
