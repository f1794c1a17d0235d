/**
 * What is sent: readings without end, or the lines of an input.
 */
import { NodeStream } from "@effect/platform-node"
import { Array as Arr, Effect, Schema, Stream } from "effect"
import { constants, createReadStream } from "node:fs"
import { access, stat } from "node:fs/promises"
import { type Line, Lines } from "./Lines.ts"
import type { Input } from "./Options.ts"
import { reading } from "./Readings.ts"

/** A message to be, or the size of one that is too long; readings are made when they are sent. */
export type Item = Line | ((sequence: number, epochMillis: number) => Uint8Array)

/** An input that cannot be read. */
export class InputFailed extends Schema.TaggedError<InputFailed>("demo/Source/InputFailed")("InputFailed", {
  input: Schema.String,
  cause: Schema.Defect()
}) {
  override get message(): string {
    return `cannot read ${this.input}: ${problem(this.cause)}`
  }
}

const problem = (cause: unknown): string => {
  const code = (cause as NodeJS.ErrnoException).code
  if (code === "ENOENT") return "no such file"
  if (code === "EACCES") return "permission denied"
  if (code === "EISDIR") return "is a directory"
  return cause instanceof Error ? cause.message : String(cause)
}

const nameOf = (input: Input): string => input._tag === "File" ? JSON.stringify(input.path) : "standard input"

/** Fails now, before anything was started, for a file that is not there or cannot be read. */
export const check = (input: Input): Effect.Effect<void, InputFailed> =>
  input._tag !== "File" ? Effect.void : Effect.tryPromise({
    // not opened: to close a pipe again would end whoever writes to it
    try: async () => {
      if ((await stat(input.path)).isDirectory()) throw Object.assign(new Error(), { code: "EISDIR" })
      await access(input.path, constants.R_OK)
    },
    catch: (cause) => new InputFailed({ input: nameOf(input), cause })
  })

const readings = Stream.fromArray<Item>(Array.from({ length: 256 }, () => reading)).pipe(Stream.forever)

/**
 * The items of an input, in order. Lines over the limit are there as their size alone.
 *
 * **Details**
 *
 * Pulled: of an input no more than a few chunks are in memory, however large it is and whoever writes it.
 */
export const items = (input: Input, maxLineBytes: number): Stream.Stream<Item, InputFailed> => {
  if (input._tag === "Generated") return readings
  return Stream.suspend(() => {
    const lines = new Lines(maxLineBytes)
    return NodeStream.fromReadable<Uint8Array, InputFailed>({
      evaluate: () => input._tag === "Stdin" ? process.stdin : createReadStream(input.path),
      onError: (cause) => new InputFailed({ input: nameOf(input), cause }),
      chunkSize: 1
    }).pipe(
      Stream.map((chunk) => lines.push(chunk)),
      Stream.concat(Stream.sync(() => lines.end())),
      Stream.filter((lines): lines is Arr.NonEmptyArray<Line> => lines.length > 0),
      Stream.flattenArray
    )
  })
}
