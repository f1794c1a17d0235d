/**
 * Keeps exactly the streams the platform asked for running.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type { StreamOutcome, StreamSpec, StreamState } from "./StreamSpec.ts"

/**
 * Service that supervises the streams of one connector instance.
 *
 * @category services
 * @since 0.1.0
 */
export class RunningStreams extends Context.Service<RunningStreams, {
  /**
   * Makes `specs` the set that runs: stops what is not named or changed, starts what is new or changed, tries what is
   * halted once more, leaves the rest alone.
   *
   * **Details**
   *
   * One caller at a time: the caller (`ConnectorService`) holds the turn. Succeeds when every stream it started or
   * stopped has had its first outcome, at the latest after `timeout`; one that has none by then is DEADLINE_EXCEEDED
   * and goes on in the background. Streams are named in the order of `specs`, then those that did not stop in time.
   * An untouched stream that runs is not waited for; one that is retrying reports its present failure. With `restart`
   * (default: false) what is unchanged is stopped and started again too: for a config and streams that come together,
   * when the config's `restartOn` asks for it.
   */
  readonly apply: (
    specs: ReadonlyArray<StreamSpec>,
    options: { readonly timeout: Duration.Input; readonly restart?: boolean }
  ) => Effect.Effect<ReadonlyArray<StreamOutcome>>

  /** Stops all streams and starts them again, as a changed config with `restartOn` asks for. As `apply` otherwise. */
  readonly restart: (options: { readonly timeout: Duration.Input }) => Effect.Effect<ReadonlyArray<StreamOutcome>>

  /**
   * Stops taking, finishes what was taken, then stops all streams: for a process that is told to end. What is not
   * finished within `timeout` is stopped as it is.
   *
   * **Details**
   *
   * May be called while an `apply` waits: that one then answers at once with what it has. An `apply` that comes later
   * starts nothing.
   */
  readonly drain: (options: { readonly timeout: Duration.Input }) => Effect.Effect<void>

  /** The streams asked for, in the order of the last `apply`, and what each is doing. */
  readonly list: Effect.Effect<ReadonlyArray<{ readonly spec: StreamSpec; readonly state: StreamState }>>
}>()("@kps/server/RunningStreams") {}
