/**
 * What a running pipeline tells of itself.
 *
 * Counts are exact, begin with 0 when the pipeline is started, and never go down. Instants are milliseconds since the
 * Unix epoch.
 *
 * @since 0.1.0
 */

/**
 * How a pipeline is, and since when.
 *
 * **Details**
 *
 * - `STARTING`: its functions and inputs are made ready, for the first time;
 * - `RUNNING`: all of them are there;
 * - `FAILING`: what `cause` says is in the way. It is tried again for ever, and nothing is taken in meanwhile beyond what
 *   is on its way;
 * - `STOPPED`: its scope has ended.
 *
 * @category models
 * @since 0.1.0
 */
export interface PipelineState {
  readonly status: "STARTING" | "RUNNING" | "FAILING" | "STOPPED"
  readonly sinceMillis: number
  /** Of `FAILING`. */
  readonly cause: string | undefined
}

/**
 * What went through. One message is one payload, however many of them came in one frame.
 *
 * @category models
 * @since 0.1.0
 */
export interface PipelineCounters {
  /** Messages that came from the inputs; again, those that were delivered again. */
  readonly received: number
  /** Of these, those that the sampling interval kept out. */
  readonly sampledOut: number
  /** Messages that the outputs took: counted once, however many outputs there are. */
  readonly published: number
  /** Messages that went no further, since a function failed on them. */
  readonly failed: number
  /** Messages that were lost otherwise: larger than an output takes, or missed by an input. */
  readonly dropped: number
  /** Messages on their way from the inputs to the outputs: they are with the functions, or wait for them. */
  readonly inFlight: number
}

/**
 * What one function did, in the order of the pipeline.
 *
 * @category models
 * @since 0.1.0
 */
export interface FunctionReport {
  readonly name: string
  readonly status: "STARTING" | "RUNNING" | "FAILING"
  /** Messages that it was done with, also those that it failed on. */
  readonly processed: number
  /** Messages that it sent. */
  readonly sent: number
  /** Messages that it raised an exception on, and those that were given up. */
  readonly failed: number
  /** How often it ended, or was killed, and was started again. */
  readonly restarts: number
}

/**
 * What kinds of alerts there are.
 *
 * **Details**
 *
 * - `functionNotStarted`: there is no runtime, or the code does not load; it is tried again. Stands until it is started.
 * - `functionFailed`: `main` raised an exception. The message is passed over.
 * - `functionMisused`: the function called its context with what that does not take.
 * - `functionEnded`: it crashed, or ended its process.
 * - `functionTimedOut`: it took longer on a message than it may, and was killed.
 * - `functionOutOfMemory`: it took more memory than it may, and was killed.
 * - `messageGivenUp`: a message that a function ended on as often as it may. The message is passed over.
 * - `inputFailed`, `outputFailed`: a channel cannot be read, or does not take messages; it is tried again. Stand until it
 *   can, or does.
 * - `messagesDropped`: messages were lost: see `PipelineCounters.dropped`.
 *
 * @category models
 * @since 0.1.0
 */
export type AlertName =
  | "functionNotStarted"
  | "functionFailed"
  | "functionMisused"
  | "functionEnded"
  | "functionTimedOut"
  | "functionOutOfMemory"
  | "messageGivenUp"
  | "inputFailed"
  | "outputFailed"
  | "messagesDropped"

/**
 * Something that somebody should look at. What happens again is counted, not told again.
 *
 * **Details**
 *
 * One that stands for a condition is cleared when that is over; others when they have not happened for 30 seconds. A
 * cleared alert has state HEALTHY and severity INFO, and is gone after 30 more.
 *
 * @category models
 * @since 0.1.0
 */
export interface PipelineAlert {
  readonly name: AlertName
  /** The function that it is about, or the channel. */
  readonly subject: string
  readonly severity: "INFO" | "WARNING" | "CRITICAL"
  readonly state: "FAILED" | "HEALTHY"
  /** In one line. */
  readonly message: string
  /** The traceback or stack where there is one, otherwise empty. At most 8,192 characters. */
  readonly context: string
  /** How often it happened since `firstMillis`. `message` and `context` are those of the last time. */
  readonly count: number
  readonly firstMillis: number
  readonly lastMillis: number
}

/**
 * A line that a function wrote, or that tells of it.
 *
 * @category models
 * @since 0.1.0
 */
export interface LogLine {
  /** 1 for the first line of the pipeline: what was dropped can be told by it. */
  readonly sequence: number
  readonly atMillis: number
  /** Name of the function. */
  readonly function: string
  /** "system": the runtime tells that it started, ended or was killed. */
  readonly source: "stdout" | "stderr" | "system"
  /** Without its line break; cut at 8,192 characters. */
  readonly text: string
}

/**
 * @category models
 * @since 0.1.0
 */
export interface PipelineReport {
  readonly state: PipelineState
  readonly counters: PipelineCounters
  readonly functions: ReadonlyArray<FunctionReport>
  /** Those that stand, and those that were cleared lately; the latest first. */
  readonly alerts: ReadonlyArray<PipelineAlert>
}
