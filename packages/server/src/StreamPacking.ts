/**
 * Which ingress streams pack many payloads into one message: the operator's choice.
 *
 * By default none does, since consumers that read only the first payload of a message exist.
 *
 * @since 0.1.0
 */
import { Packing } from "@kps/transport"
import * as Result from "effect/Result"
import { parse as parsePerStream } from "./internal/perStream.ts"
import { cut, quote } from "./internal/text.ts"

/**
 * How a stream packs: `"on"` is `Packing.defaults`, limits that are not given are theirs.
 *
 * @category models
 * @since 0.1.0
 */
export type Choice = "on" | "off" | Partial<Packing.Packing>

/**
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /** For the streams that `streams` does not name. Default: "off". */
  readonly all?: Choice
  /** By stream id, whether there is such a stream or not. Default: none. */
  readonly streams?: Readonly<Record<string, Choice>>
}

const wanted = "want \"on\", \"off\" or limits such as \"maxBytes=16384,maxPayloads=64\", "
  + "for single streams behind their ids, as in \"on;line-1:off\""

/**
 * Reads the value of `KPS_PACKING`, or says what is wrong with it.
 *
 * **Details**
 *
 * Choices between semicolons. A choice is `on`, `off`, or limits between commas: `maxBytes=N`, `maxPayloads=N`. Behind a
 * stream id and a colon it is for that stream, otherwise for all that are not named; each may be there once. White space
 * around them does not count. In an id, `;` is written `%3B` and `%` is written `%25`; any other character may be
 * percent-encoded too.
 *
 * @category decoding
 * @since 0.1.0
 */
export const parse = (text: string): Result.Result<Options, string> => parsePerStream(text, choiceOf, wanted)

const choiceOf = (text: string): Result.Result<Choice, string> => {
  if (text === "on" || text === "off") return Result.succeed(text)
  const limits: { -readonly [K in keyof Packing.Packing]?: number } = {}
  for (const part of text.split(",")) {
    const [, name, digits] = /^\s*(maxBytes|maxPayloads)\s*=\s*([0-9]{1,9})\s*$/u.exec(part) ?? []
    if (name !== "maxBytes" && name !== "maxPayloads") return Result.fail(`${quote(text)} is no choice: ${wanted}`)
    if (limits[name] !== undefined) return Result.fail(`${quote(text)} has ${name} more than once`)
    limits[name] = Number(digits)
  }
  const problem = Packing.problemOf({ ...Packing.defaults, ...limits })
  return problem === undefined ? Result.succeed(limits) : Result.fail(problem)
}

/**
 * The limits by which a stream packs; `undefined` for one that does not. Throws where an option has limits that cannot be
 * used: those of `parse` always can.
 *
 * @category getters
 * @since 0.1.0
 */
export const make = (options: Options = {}): (streamId: string) => Packing.Packing | undefined => {
  const all = resolved(options.all ?? "off", "all streams")
  const streams = new Map(
    Object.entries(options.streams ?? {}).map(([id, choice]) => [id, resolved(choice, `stream "${cut(id)}"`)])
  )
  return (streamId) => streams.has(streamId) ? streams.get(streamId) : all
}

const resolved = (choice: Choice, of: string): Packing.Packing | undefined => {
  if (choice === "off") return undefined
  if (choice === "on") return Packing.defaults
  const limits = { ...Packing.defaults, ...choice }
  const problem = Packing.problemOf(limits)
  if (problem !== undefined) throw new RangeError(`cannot pack ${of}: ${problem}`)
  return limits
}
