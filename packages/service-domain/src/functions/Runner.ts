/**
 * A function whose code is loaded, in a process or a thread of its own.
 *
 * @since 0.1.0
 */
import * as Data from "effect/Data"
import type * as Effect from "effect/Effect"
import type { FunctionDescription } from "./FunctionDescription.ts"
import type { Trouble } from "./Records.ts"

/** The runtime is not there any more. */
export class RunnerEnded extends Data.TaggedError("RunnerEnded")<{
  readonly why: "ended" | "timedOut" | "outOfMemory"
  /** Such as "exited with status 1". */
  readonly detail: string
  /** The stack, or the end of what it wrote; empty where there is none. */
  readonly context: string
}> {}

/** The runtime could not be started, or the code could not be loaded. */
export class NotStarted extends Data.TaggedError("NotStarted")<Trouble> {}

/** What a runtime is started with. */
export interface RunnerOptions {
  readonly description: FunctionDescription
  /** The topics of the inputs, and their selectors, by the index of the input. */
  readonly inputs: ReadonlyArray<{ readonly topic: string; readonly selectors: Readonly<Record<string, string>> }>
  readonly memoryBytes: number
  readonly env: Readonly<Record<string, string>>
  /** The command that runs Python 3. */
  readonly python: string
  /** A line that it wrote, or more text of the line before. */
  readonly onOutput: (source: "stdout" | "stderr", text: string) => void
}

/**
 * A runtime in the hands of the stage that feeds it. It reads one batch after the other, and is killed with its scope.
 */
export interface Runner {
  /** Names it in logs: "process 123", "thread 4". */
  readonly name: string
  /** Its code is loaded: nothing of it stays on the disk, where a service domain that is killed would leave it. */
  readonly loaded: () => void
  /** Gives it a batch. What it cannot take yet is kept here. */
  readonly write: (batch: Uint8Array<ArrayBuffer>) => void
  /**
   * The next bytes of its records. Fails when it has ended, after everything that it wrote was read. What is not read
   * makes it wait, beyond about a megabyte.
   */
  readonly read: Effect.Effect<Uint8Array, RunnerEnded>
  /** Succeeds when it has ended, with why. */
  readonly ended: Effect.Effect<RunnerEnded>
  /** How many messages it has begun with, as a number of 32 bits that overflows. */
  readonly begun: () => number
  /** How many bytes it takes beside its runtime, where that is not the runtime's own matter: 0 there. */
  readonly memory: Effect.Effect<number>
  /** Ends it: `read` fails with this, and with where the code is, if that can be told. */
  readonly kill: (why: RunnerEnded) => Effect.Effect<void>
}
