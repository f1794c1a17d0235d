/**
 * What the command says of itself: help on standard output when it was asked for, a wrong command line in two lines on
 * standard error, so that standard output holds answers alone.
 *
 * @since 0.1.0
 */
import * as CliOutput from "effect/cli/CliOutput"
import * as Console from "effect/Console"
import type * as Layer from "effect/Layer"

/**
 * @category layers
 * @since 0.1.0
 */
export const layer: Layer.Layer<never> = CliOutput.layerPresenter({
  present: (event) =>
    event._tag === "InvalidInvocation"
      ? Console.error([
        ...event.errors.map(({ message }) => `kps: ${message}`),
        `     see ${event.commandPath.join(" ")} --help`
      ].join("\n"))
      : CliOutput.defaultPresenter.present(event)
})
