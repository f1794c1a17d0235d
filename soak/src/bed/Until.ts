/** Waiting in real time, bounded. */
import { type Duration, Effect } from "effect"

/** Polls until something is so; dies with what it was that never came. */
export const until = (
  what: string | (() => string),
  holds: () => boolean,
  within: Duration.Input = "60 seconds",
  every: Duration.Input = "10 millis"
): Effect.Effect<void> =>
  Effect.suspend(() => holds() ? Effect.void : Effect.sleep(every)).pipe(
    Effect.repeat({ while: () => !holds() }),
    Effect.asVoid,
    Effect.timeoutOrElse({
      duration: within,
      orElse: () => Effect.die(new Error(`never came: ${typeof what === "string" ? what : what()}`))
    })
  )
