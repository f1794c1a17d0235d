/**
 * The flags that say which service domain a command talks to.
 *
 * @since 0.1.0
 */
import * as Flag from "effect/cli/Flag"
import * as Config from "effect/Config"
import type * as Option from "effect/Option"

/**
 * Spread into the flags of every command that talks to a service domain.
 *
 * @category flags
 * @since 0.1.0
 */
export const flags = {
  context: Flag.String("context").pipe(
    Flag.withMetavar("NAME"),
    Flag.withDescription("A context of kps config get-contexts; without it, the current one; or KPS_CONTEXT"),
    Flag.withFallbackConfig(Config.String("KPS_CONTEXT")),
    Flag.optional
  ),
  url: Flag.String("url").pipe(
    Flag.withAlias("u"),
    Flag.withMetavar("URL"),
    Flag.withDescription("The REST API of the service domain, in place of the context's; needs KPS_TOKEN; or KPS_URL"),
    Flag.withFallbackConfig(Config.String("KPS_URL")),
    Flag.optional
  )
}

/**
 * What the flags say.
 *
 * @category models
 * @since 0.1.0
 */
export interface Target {
  readonly context: Option.Option<string>
  readonly url: Option.Option<string>
}
