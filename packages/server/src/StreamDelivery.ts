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
  /**
   * Where an egress stream begins that was never there, on a channel in JetStream: with all that the channel has, or with
   * what comes from then on. Over core NATS it is always the latter. Default: "all".
   */
  readonly from?: "all" | "new"
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
  readonly from: "all" | "new"
}

const wanted = "want \"strict\", \"none\", \"horizon=SECONDS\", \"from=all\", \"from=new\" or several as in "
  + "\"none,horizon=10\", "
  + "for single streams behind their ids, as in \"strict;line-1:none\""

/**
 * Reads the value of `KPS_DELIVERY`, or says what is wrong with it.
 *
 * **Details**
 *
 * Choices between semicolons, as in `KPS_PACKING`. A choice is `strict` or `none`, `horizon=SECONDS` from 0 to
 * 999,999,999, `from=all` or `from=new`, or several of them.
 *
 * @category decoding
 * @since 0.1.0
 */
export const parse = (text: string): Result.Result<Options, string> => parsePerStream(text, choiceOf, wanted)

const choiceOf = (text: string): Result.Result<Choice, string> => {
  const choice: { -readonly [K in keyof Choice]: Choice[K] } = {}
  for (const part of text.split(",").map((one) => one.trim())) {
    const [, digits] = /^horizon\s*=\s*([0-9]{1,9})$/u.exec(part) ?? []
    const key = part === "strict" || part === "none"
      ? "ordering"
      : part === "from=all" || part === "from=new"
      ? "from"
      : digits === undefined
      ? undefined
      : "horizon"
    if (key === undefined) return Result.fail(`${quote(text)} is no choice: ${wanted}`)
    if (choice[key] !== undefined) return Result.fail(`${quote(text)} has something more than once`)
    if (key === "horizon") choice.horizon = Duration.seconds(Number(digits))
    else if (part === "strict" || part === "none") choice.ordering = part
    else choice.from = part === "from=all" ? "all" : "new"
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
    horizonMillis: Duration.toMillis(choice?.horizon ?? all?.horizon ?? "60 seconds"),
    from: choice?.from ?? all?.from ?? "all"
  })
  const known = new Map(Object.entries(streams ?? {}).map(([id, choice]) => [id, resolve(choice)]))
  const others = resolve(undefined)
  return (streamId) => known.get(streamId) ?? others
}
