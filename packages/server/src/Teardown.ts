/**
 * The exit code of a connector's process.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Exit from "effect/Exit"
import * as Predicate from "effect/Predicate"
import * as Runtime from "effect/Runtime"

// what only the one who started the process can mend; a transport's layer fails for what it was given alone
const startedWrongly: ReadonlySet<unknown> = new Set(["ConfigError", "TransportError", "TlsUnusable"])

/**
 * For `NodeRuntime.runMain({ teardown })`: 0 when the connector was told to stop, 2 when it was started wrongly (an
 * environment variable is missing or wrong), otherwise as Effect has it: 1 when it failed.
 *
 * @category running
 * @since 0.1.0
 */
export const teardown: Runtime.Teardown = (exit, onExit) => {
  if (Exit.isFailure(exit)) {
    if (Cause.hasInterruptsOnly(exit.cause)) return onExit(0)
    const error = Cause.squash(exit.cause)
    if (Predicate.hasProperty(error, "_tag") && startedWrongly.has(error._tag)) return onExit(2)
  }
  return Runtime.defaultTeardown(exit, onExit)
}
