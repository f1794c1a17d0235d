/**
 * Runs a Python function in a process of its own.
 *
 * @since 0.1.0
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { type ChildProcess, spawn } from "node:child_process"
import { closeSync, openSync, readSync } from "node:fs"
import { join } from "node:path"
import { Readable, Writable } from "node:stream"
import * as CodeFolder from "./CodeFolder.ts"
import { Inbox } from "./Inbox.ts"
import { pythonSource } from "./pythonSource.ts"
import { NotStarted, type Runner, RunnerEnded, type RunnerOptions } from "./Runner.ts"

/** How much of what it wrote last is told when it ends. */
const tailChars = 4_000

/** How long a process that is to be killed has to say where it is. */
const traceTime = "200 millis"

/** What Python's faulthandler wrote, without the frames of the runtime. */
const trace = (text: string): string =>
  text.split("\n").filter((line) => !line.includes("File \"<string>\"")).join("\n").trim()

/**
 * Starts the process. It is killed with the scope, which waits until it has ended.
 *
 * **Details**
 *
 * Fails with `NotStarted` when there is no such command, or the process ends at once because of it; that the code is
 * loaded is told by a record. The process ends by itself within a second or so when this one is killed.
 */
export const launch = Effect.fnUntraced(function*(
  options: RunnerOptions
): Effect.fn.Return<Runner, NotStarted, Scope.Scope> {
  const { description, env, inputs, memoryBytes, onOutput, python } = options
  const module = CodeFolder.fileName(description.name)
  const folder = yield* CodeFolder.make({ [`${module}.py`]: description.code, progress: new Uint8Array(4) })
  const progress = yield* Effect.acquireRelease(
    Effect.sync(() => openSync(join(folder, "progress"), "r")),
    (file) => Effect.sync(() => closeSync(file))
  )
  const ended = yield* Deferred.make<RunnerEnded>()
  const child = yield* Effect.acquireRelease(
    spawning(python, env),
    (child) => Effect.andThen(Effect.sync(() => child.kill("SIGKILL")), Deferred.await(ended))
  )
  let tail = ""
  let killed: RunnerEnded | undefined
  let failure: RunnerEnded | undefined
  for (const source of ["stdout", "stderr"] as const) {
    child[source]?.setEncoding("utf8").on("data", (text: string) => {
      tail = (tail + text).slice(-tailChars)
      onOutput(source, text)
    })
  }
  const [, , , toChild, fromChild] = child.stdio
  if (!(toChild instanceof Writable) || !(fromChild instanceof Readable)) {
    return yield* new NotStarted({ message: `"${python}" has no pipes`, context: "" })
  }
  // it may end before it has read everything
  toChild.on("error", () => {})
  fromChild.on("error", () => {})
  const inbox = new Inbox<Uint8Array, RunnerEnded>(() => {
    const chunk: Uint8Array | null = fromChild.read()
    if (chunk !== null) return Effect.succeed(chunk)
    return failure === undefined ? undefined : Effect.fail(failure)
  })
  fromChild.on("readable", () => inbox.look()).on("end", () => inbox.look())
  // "close": when everything that it wrote is here, too
  child.once("close", (status, signal) => {
    const detail = signal === null ? `exited with status ${status}` : `was killed by ${signal}`
    failure = killed === undefined
      ? new RunnerEnded({ why: "ended", detail, context: tail.trim() })
      : new RunnerEnded({
        why: killed.why,
        detail: killed.detail,
        context: killed.why === "timedOut" ? trace(tail) : ""
      })
    Deferred.doneUnsafe(ended, Effect.succeed(failure))
    inbox.look()
  })

  const head = new Uint8Array(4)
  const headView = new DataView(head.buffer)
  const mark = new Uint8Array(4)
  const markView = new DataView(mark.buffer)
  const start = Buffer.from(JSON.stringify({
    path: join(folder, `${module}.py`),
    progress: join(folder, "progress"),
    module,
    params: description.params,
    inputs,
    memoryBytes
  }))
  headView.setUint32(0, start.byteLength, true)
  toChild.write(Buffer.concat([head, start]))
  return {
    name: `process ${child.pid}`,
    loaded: () => CodeFolder.remove(folder),
    write: (batch) => {
      toChild.write(batch)
    },
    read: inbox.take,
    ended: Deferred.await(ended),
    begun: () => {
      readSync(progress, mark, 0, 4, 0)
      return markView.getInt32(0, true)
    },
    memory: Effect.succeed(0),
    kill: (why) =>
      Effect.gen(function*() {
        killed ??= why
        if (why.why === "timedOut") {
          tail = ""
          child.kill("SIGUSR1")
          yield* Effect.raceFirst(Effect.sleep(traceTime), Deferred.await(ended))
        }
        child.kill("SIGKILL")
      })
  }
})

const spawning = (python: string, env: Readonly<Record<string, string>>) =>
  Effect.callback<ChildProcess, NotStarted>((resume) => {
    const child = spawn(python, ["-u", "-c", pythonSource], {
      env: { ...env, PYTHONIOENCODING: "utf-8", PYTHONDONTWRITEBYTECODE: "1" },
      stdio: ["ignore", "pipe", "pipe", "pipe", "pipe"]
    })
    child.once("spawn", () => resume(Effect.succeed(child)))
    child.once("error", (cause) => resume(Effect.fail(new NotStarted({ message: absent(python, cause), context: "" }))))
  })

const absent = (python: string, cause: NodeJS.ErrnoException): string =>
  cause.code === "ENOENT"
    ? `there is no "${python}" on PATH: install Python 3, or name its command`
    : `cannot run "${python}": ${cause.message}`
