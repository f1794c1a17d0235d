/**
 * A function as a runtime is given it.
 *
 * @since 0.1.0
 */
import type * as Duration from "effect/Duration"

/**
 * The languages that there is a runtime for: "node" is JavaScript, and TypeScript whose types can be stripped.
 *
 * @category models
 * @since 0.1.0
 */
export type Language = "python" | "node"

/**
 * The code of a function, with the values that a pipeline gives to its parameters. Plain data.
 *
 * @category models
 * @since 0.1.0
 */
export interface FunctionDescription {
  readonly id: string
  /** Names it in alerts, logs and tracebacks. */
  readonly name: string
  readonly language: Language
  readonly code: string
  /** What the code gets as its configuration: always strings. */
  readonly params: Readonly<Record<string, string>>
}

/**
 * What each function of a pipeline may take.
 *
 * @category models
 * @since 0.1.0
 */
export interface FunctionLimits {
  /**
   * How long it may work on one message, without the time in which it has to wait until what it sent is taken. One that
   * takes longer is killed. Default: 10 seconds.
   */
  readonly timeout?: Duration.Input | undefined
  /** How long its code may take until `main` is there. Default: 30 seconds. */
  readonly startTimeout?: Duration.Input | undefined
  /**
   * Memory that it may take beside its runtime, in bytes. One that takes more is killed. Python functions are held to it
   * where the system can do so: on Linux. Default: 1,073,741,824 (1 GiB).
   */
  readonly memoryBytes?: number | undefined
  /**
   * How often a message is given to a function that crashed on it, was killed over it, or ended, before it is given up. A
   * message whose `main` raised an exception is not given again. Default: 3.
   */
  readonly attempts?: number | undefined
  /** The wait before a function that ended is started again, doubled with each further time in a row. Default: 250 milliseconds. */
  readonly backoff?: Duration.Input | undefined
  /** The longest such wait. Default: 30 seconds. */
  readonly maxBackoff?: Duration.Input | undefined
}
