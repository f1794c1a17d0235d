/**
 * Runs a JavaScript or TypeScript function in a thread of its own.
 *
 * @since 0.1.0
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { join } from "node:path"
import { Worker } from "node:worker_threads"
import * as CodeFolder from "./CodeFolder.ts"
import { Inbox } from "./Inbox.ts"
import { type NotStarted, type Runner, RunnerEnded, type RunnerOptions } from "./Runner.ts"
import { type WorkerData, workerMain } from "./workerMain.ts"

const mebibyte = 1_048_576

/**
 * Starts the thread. It is ended with the scope, which waits until it has ended.
 *
 * **Details**
 *
 * The code is a module of its own, in either of Node's kinds, with its types stripped by Node. The heap is limited by Node,
 * buffers outside it are counted by `memory`.
 */
export const launch = Effect.fnUntraced(function*(
  options: RunnerOptions
): Effect.fn.Return<Runner, NotStarted, Scope.Scope> {
  const { description, env, inputs, memoryBytes, onOutput } = options
  const module = CodeFolder.fileName(description.name)
  const folder = yield* CodeFolder.make({
    [`${module}.ts`]: description.code,
    "runtime.mjs": `import * as loaded from "./${module}.ts"\n;(${workerMain.toString()})(loaded)\n`
  })
  const shared = new SharedArrayBuffer(8)
  const counters = new Int32Array(shared)
  const workerData: WorkerData = { params: description.params, inputs, shared }
  const ended = yield* Deferred.make<RunnerEnded>()
  const worker = yield* Effect.acquireRelease(
    Effect.sync(() =>
      new Worker(join(folder, "runtime.mjs"), {
        name: description.name,
        workerData,
        env: { ...env },
        stdout: true,
        stderr: true,
        execArgv: ["--disable-warning=ExperimentalWarning"],
        resourceLimits: { maxOldGenerationSizeMb: Math.max(8, Math.ceil(memoryBytes / mebibyte)) }
      })
    ),
    (worker) => Effect.andThen(Effect.promise(() => worker.terminate()), Deferred.await(ended))
  )
  const received: Array<Uint8Array> = []
  let killed: RunnerEnded | undefined
  let thrown: RunnerEnded | undefined
  let failure: RunnerEnded | undefined
  const isUp = { now: true }
  const inbox = new Inbox<Uint8Array, RunnerEnded>(() => {
    const records = received.shift()
    if (records === undefined) return failure === undefined ? undefined : Effect.fail(failure)
    Atomics.sub(counters, 1, records.byteLength)
    Atomics.notify(counters, 1)
    return Effect.succeed(records)
  })
  for (const source of ["stdout", "stderr"] as const) {
    worker[source].setEncoding("utf8").on("data", (text: string) => onOutput(source, text))
  }
  worker.on("message", (records: Uint8Array) => {
    received.push(records)
    inbox.look()
  })
  worker.on("messageerror", () => {})
  worker.once("error", (cause) => {
    thrown = endedBy(cause)
  })
  worker.once("exit", (status) => {
    isUp.now = false
    failure = killed ?? thrown ?? new RunnerEnded({ why: "ended", detail: `exited with status ${status}`, context: "" })
    Deferred.doneUnsafe(ended, Effect.succeed(failure))
    inbox.look()
  })
  return {
    name: `thread ${worker.threadId}`,
    loaded: () => CodeFolder.remove(folder),
    write: (batch) => worker.postMessage(batch, [batch.buffer]),
    read: inbox.take,
    ended: Deferred.await(ended),
    begun: () => Atomics.load(counters, 0),
    // of one that has ended meanwhile there are no figures
    memory: Effect.suspend(() =>
      isUp.now
        ? Effect.tryPromise(() => worker.getHeapStatistics()).pipe(
          Effect.map((heap) => heap.used_heap_size + heap.external_memory),
          Effect.orElseSucceed(() => 0)
        )
        : Effect.succeed(0)
    ),
    kill: (why) =>
      Effect.promise(() => {
        killed ??= why
        return worker.terminate()
      })
  }
})

const endedBy = (cause: unknown): RunnerEnded => {
  if (!(cause instanceof Error)) return new RunnerEnded({ why: "ended", detail: `threw ${String(cause)}`, context: "" })
  return "code" in cause && cause.code === "ERR_WORKER_OUT_OF_MEMORY"
    ? new RunnerEnded({ why: "outOfMemory", detail: "its heap is full", context: "" })
    : new RunnerEnded({ why: "ended", detail: `threw ${cause.name}: ${cause.message}`, context: cause.stack ?? "" })
}
