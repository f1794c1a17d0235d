/** Texts of the environment with a choice for all streams, and others for some. */
import * as Result from "effect/Result"
import { quote } from "./text.ts"

export interface PerStream<A> {
  readonly all?: A
  readonly streams: Readonly<Record<string, A>>
}

/**
 * Choices between semicolons: one for all streams, and behind a stream id and a colon one for that stream, each at most
 * once. `wanted` says what a choice is.
 */
export const parse = <A>(
  text: string,
  choiceOf: (text: string) => Result.Result<A, string>,
  wanted: string
): Result.Result<PerStream<A>, string> => {
  let all: Result.Result<A, string> | undefined
  const streams = new Map<string, A>()
  for (const rule of text.split(";")) {
    const colon = rule.lastIndexOf(":")
    const choice = choiceOf(rule.slice(colon + 1).trim())
    if (Result.isFailure(choice)) return Result.fail(choice.failure)
    if (colon === -1) {
      if (all !== undefined) return Result.fail(`${quote(text)} has more than one choice for all streams`)
      all = choice
      continue
    }
    const encoded = rule.slice(0, colon).trim()
    const id = Result.getOrElse(Result.try(() => decodeURIComponent(encoded)), () => "")
    if (id === "") return Result.fail(`${quote(encoded)} is no stream id: ${wanted}`)
    if (streams.has(id)) return Result.fail(`${quote(text)} has more than one choice for stream ${quote(id)}`)
    streams.set(id, choice.success)
  }
  return Result.succeed({
    ...(all !== undefined && Result.isSuccess(all) ? { all: all.success } : {}),
    streams: Object.fromEntries(streams)
  })
}
