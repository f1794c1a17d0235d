/**
 * The log level in force, which the config changes while the connector runs.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as EffectLogLevel from "effect/LogLevel"
import * as References from "effect/References"
import type { LogLevel } from "./Parameters.ts"

const levels = { DEBUG: "Debug", INFO: "Info", WARN: "Warn", ERROR: "Error" } as const

export class LogLevels extends Context.Service<LogLevels, {
  readonly set: (level: LogLevel) => Effect.Effect<void>
  /** A logger that is given what is at or above the level in force, and nothing else. */
  readonly limited: (logger: Logger.Logger<unknown, void>) => Logger.Logger<unknown, void>
}>()("nats-connector/LogLevels") {}

/**
 * Logs with `logger` what is at or above the level in force: INFO until it is set.
 *
 * **Details**
 *
 * Effect's own minimum is fixed when a fiber starts, so it lets everything pass here, and the level is asked for each
 * line.
 */
export const layer = (logger: Logger.Logger<unknown, void>): Layer.Layer<LogLevels> => {
  let minimum: EffectLogLevel.LogLevel = levels.INFO
  const limited = (logger: Logger.Logger<unknown, void>) =>
    Logger.make<unknown, void>((line) => {
      if (EffectLogLevel.isGreaterThanOrEqualTo(line.logLevel, minimum)) logger.log(line)
    })
  return Layer.mergeAll(
    Logger.layer([limited(logger)]),
    Layer.succeed(References.MinimumLogLevel, "All"),
    Layer.succeed(LogLevels, {
      set: (level) =>
        Effect.sync(() => {
          minimum = levels[level]
        }),
      limited
    })
  )
}

/** One line of JSON each on stderr, or, where a person reads it, lines for the eye. */
export const stderrLogger = (options: { readonly pretty: boolean }): Logger.Logger<unknown, void> =>
  options.pretty ? Logger.consolePrettyTty({ colors: true }) : Logger.withConsoleError(Logger.formatJson)
