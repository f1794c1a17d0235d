/**
 * The flags that say which broker of the data pipelines a command is about.
 *
 * @since 0.1.0
 */
import * as Flag from "effect/cli/Flag"
import * as Config from "effect/Config"

/**
 * Spread into the flags of every command that looks at what connectors keep at their broker. Credentials are those of
 * the environment, as connectors have them.
 *
 * @category flags
 * @since 0.1.0
 */
export const flags = {
  nats: Flag.String("nats").pipe(
    Flag.withMetavar("URL"),
    Flag.withDescription("The broker of the data pipelines, or several with commas between; or NATS_BROKER"),
    Flag.withFallbackConfig(Config.String("NATS_BROKER")),
    Flag.withDefault("nats://127.0.0.1:4222")
  ),
  prefix: Flag.String("state-prefix").pipe(
    Flag.withMetavar("NAME"),
    Flag.withDescription("What the names of the connectors' buckets begin with; or KPS_STATE_PREFIX"),
    Flag.withFallbackConfig(Config.String("KPS_STATE_PREFIX")),
    Flag.withDefault("kps")
  )
}
