/**
 * What becomes of the items of an egress stream that fail: the operator's choice.
 *
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"
import * as Result from "effect/Result"
import { parse as parsePerStream } from "./internal/perStream.ts"
import { quote } from "./internal/text.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface Choice {
  /**
   * `strict`: those behind a failing item wait; of several replicas one runs the stream, where channels are in JetStream.
   * `none`: they pass it; all replicas run the stream. Default: "strict". Over core NATS all replicas run it in any case.
   */
  readonly ordering?: "strict" | "none"
  /**
   * How long an item is tried, from its first failure on, before it goes to the dead-letter channel, where the failures
   * table says nothing else. Default: 60 seconds.
   */
  readonly horizon?: Duration.Input
}

/**
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /** For all streams. Default: strict, 60 seconds. */
  readonly all?: Choice
  /** By stream id, over what is for all. Default: none. */
  readonly streams?: Readonly<Record<string, Choice>>
}

/**
 * A choice with every default in its place.
 *
 * @category models
 * @since 0.1.0
 */
export interface Resolved {
  readonly ordering: "strict" | "none"
  readonly horizonMillis: number
}

const wanted = "want \"strict\", \"none\", \"horizon=SECONDS\" or both as in \"none,horizon=10\", "
  + "for single streams behind their ids, as in \"strict;line-1:none\""

/**
 * Reads the value of `KPS_DELIVERY`, or says what is wrong with it.
 *
 * **Details**
 *
 * Choices between semicolons, as in `KPS_PACKING`. A choice is `strict` or `none`, and `horizon=SECONDS` from 0 to
 * 999,999,999, or one of the two.
 *
 * @category decoding
 * @since 0.1.0
 */
export const parse = (text: string): Result.Result<Options, string> => parsePerStream(text, choiceOf, wanted)

const choiceOf = (text: string): Result.Result<Choice, string> => {
  const choice: { -readonly [K in keyof Choice]: Choice[K] } = {}
  for (const part of text.split(",").map((one) => one.trim())) {
    const [, digits] = /^horizon\s*=\s*([0-9]{1,9})$/u.exec(part) ?? []
    const isOrdering = part === "strict" || part === "none"
    if (!isOrdering && digits === undefined) return Result.fail(`${quote(text)} is no choice: ${wanted}`)
    if ((isOrdering ? choice.ordering : choice.horizon) !== undefined) {
      return Result.fail(`${quote(text)} has something more than once`)
    }
    if (isOrdering) choice.ordering = part
    else choice.horizon = Duration.seconds(Number(digits))
  }
  return Result.succeed(choice)
}

/**
 * What holds for a stream, by its id.
 *
 * @category getters
 * @since 0.1.0
 */
export const make = ({ all, streams }: Options = {}): (streamId: string) => Resolved => {
  const resolve = (choice: Choice | undefined): Resolved => ({
    ordering: choice?.ordering ?? all?.ordering ?? "strict",
    horizonMillis: Duration.toMillis(choice?.horizon ?? all?.horizon ?? "60 seconds")
  })
  const known = new Map(Object.entries(streams ?? {}).map(([id, choice]) => [id, resolve(choice)]))
  const others = resolve(undefined)
  return (streamId) => known.get(streamId) ?? others
}
