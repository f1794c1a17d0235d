/**
 * Files and folders for the eyes of their owner alone: tokens, credentials, and what is kept beside them.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { randomUUID } from "node:crypto"
import { mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs"
import { dirname } from "node:path"

/**
 * A file or a folder cannot be what it has to be: made, read, or written.
 *
 * @category errors
 * @since 0.1.0
 */
export class FileFailed extends Schema.TaggedError<FileFailed>("@kps/service-domain/PrivateFile/FileFailed")(
  "FileFailed",
  { operation: Schema.Literals(["make", "read", "write", "lock"]), path: Schema.String, problem: Schema.String }
) {
  override get message(): string {
    return `cannot ${this.operation} ${JSON.stringify(this.path)}: ${this.problem}`
  }
  get isRetryable(): boolean {
    return false
  }
}

const attempt = <A>(operation: FileFailed["operation"], path: string, run: () => A): Effect.Effect<A, FileFailed> =>
  Effect.try({
    try: run,
    catch: (cause) =>
      new FileFailed({ operation, path, problem: cause instanceof Error ? cause.message : String(cause) })
  })

/** By one folder after the other: Node's own way never ends where a file system, such as that of /proc, takes none. */
const make = (folder: string): void => {
  const there = statSync(folder, { throwIfNoEntry: false })
  if (there?.isDirectory() === true) return
  if (there !== undefined) throw new Error(`${JSON.stringify(folder)} is a file`)
  make(dirname(folder))
  const made = Result.try(() => mkdirSync(folder, { mode: 0o700 }))
  // somebody else may have made it meanwhile
  if (Result.isFailure(made) && statSync(folder, { throwIfNoEntry: false })?.isDirectory() !== true) {
    throw new Error(messageOf(made.failure))
  }
}

const messageOf = (cause: unknown): string => cause instanceof Error ? cause.message : String(cause)

/**
 * Makes a folder with all that it stands in, each with mode 0700; one that is there stays as it is.
 *
 * @category writing
 * @since 0.1.0
 */
export const makeFolder = (folder: string): Effect.Effect<void, FileFailed> =>
  attempt("make", folder, () => make(folder))

/**
 * What a file holds; none where there is no file.
 *
 * @category reading
 * @since 0.1.0
 */
export const read = (file: string): Effect.Effect<Option.Option<string>, FileFailed> =>
  attempt("read", file, () =>
    statSync(file, { throwIfNoEntry: false }) === undefined
      ? Option.none()
      : Option.some(readFileSync(file, "utf8")))

/**
 * Puts a file with mode 0600 in the place of the one that is there, if one is. It is written beside it and renamed: whoever
 * reads, or is killed, finds the old one or the new one as a whole.
 *
 * @category writing
 * @since 0.1.0
 */
export const write = (file: string, text: string): Effect.Effect<void, FileFailed> => {
  const next = `${file}.${randomUUID()}.tmp`
  return attempt("write", file, () => {
    writeFileSync(next, text, { mode: 0o600, flag: "wx" })
    renameSync(next, file)
  }).pipe(Effect.tapError(() => Effect.sync(() => rmSync(next, { force: true }))))
}
