/**
 * A file that one process has at a time: the others are told which one.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import { randomUUID } from "node:crypto"
import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs"
import { FileFailed } from "./PrivateFile.ts"

/**
 * Another process has the lock.
 *
 * @category errors
 * @since 0.1.0
 */
export class Locked extends Schema.TaggedError<Locked>("@kps/service-domain/FileLock/Locked")("Locked", {
  file: Schema.String,
  /** Of the process that has it. */
  pid: Schema.Int
}) {
  override get message(): string {
    return `process ${this.pid} has the lock ${JSON.stringify(this.file)}`
  }
  get isRetryable(): boolean {
    return true
  }
}

const Holder = Schema.fromJsonString(Schema.Struct({
  pid: Schema.Int,
  /** When it was started, where that can be seen: a number of a process may be somebody else's later. */
  started: Schema.String,
  id: Schema.String
}))

/** The state of a process and when it was started, as Linux tells them; none elsewhere, or when there is no such process. */
const statOf = (pid: number): { readonly state: string; readonly started: string } | undefined => {
  const text = Result.getOrElse(Result.try(() => readFileSync(`/proc/${pid}/stat`, "utf8")), () => "")
  // the name of the command, in parentheses, may have any characters
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ")
  const [state, started] = [fields[0], fields[19]]
  return state === undefined || started === undefined ? undefined : { state, started }
}

const isAlive = (pid: number, started: string): boolean => {
  const probe = Result.try(() => process.kill(pid, 0))
  if (Result.isFailure(probe) && codeOf(probe.failure) === "ESRCH") return false
  const stat = statOf(pid)
  if (stat === undefined) return true
  return stat.state !== "Z" && (started === "" || stat.started === started)
}

const codeOf = (cause: unknown): unknown =>
  typeof cause === "object" && cause !== null && "code" in cause ? cause.code : undefined

const textOf = (file: string): string | undefined =>
  Result.getOrElse(Result.try(() => readFileSync(file, "utf8")), () => undefined)

/** How often a lock that goes away at that moment is asked for again. */
const attempts = 10

/** Gives the pid of who has it; none when it is ours now. */
const tryTake = (file: string, next: string): number | undefined => {
  for (let attempt = 0; attempt < attempts; attempt++) {
    const linked = Result.try(() => linkSync(next, file))
    if (Result.isSuccess(linked)) return undefined
    if (codeOf(linked.failure) !== "EEXIST") throw linked.failure
    const text = textOf(file)
    if (text === undefined) continue
    const holder = Schema.decodeOption(Holder)(text)
    if (Option.isSome(holder) && isAlive(holder.value.pid, holder.value.started)) return holder.value.pid
    // of a process that is dead: of those who move it away, one gets it, and puts back what came in its place meanwhile
    const aside = `${next}.stale`
    if (Result.isFailure(Result.try(() => renameSync(file, aside)))) continue
    if (textOf(aside) !== text) Result.try(() => linkSync(aside, file))
    rmSync(aside, { force: true })
  }
  return 0
}

/**
 * Takes a lock until the scope is closed. Fails with `Locked` while another process has it, or another scope of this one;
 * the lock of a process that was killed is none.
 *
 * **Details**
 *
 * For processes of one machine that see each other. The file is there while the lock is held; its folder has to be there.
 *
 * @category constructors
 * @since 0.1.0
 */
export const take = (file: string): Effect.Effect<void, Locked | FileFailed, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.suspend(() => {
      const id = randomUUID()
      const mine = JSON.stringify({ pid: process.pid, started: statOf(process.pid)?.started ?? "", id })
      const next = `${file}.${id}.tmp`
      return Effect.try({
        try: () => {
          writeFileSync(next, mine, { mode: 0o600, flag: "wx" })
          return tryTake(file, next)
        },
        catch: (cause) =>
          new FileFailed({
            operation: "lock",
            path: file,
            problem: cause instanceof Error ? cause.message : String(cause)
          })
      }).pipe(
        Effect.ensuring(Effect.sync(() => rmSync(next, { force: true }))),
        Effect.flatMap((pid) => pid === undefined ? Effect.succeed(mine) : Effect.fail(new Locked({ file, pid })))
      )
    }),
    (mine) => Effect.sync(() => textOf(file) === mine && rmSync(file, { force: true }))
  ).pipe(Effect.asVoid)
