/**
 * The `kps` command with all its subcommands: one file each under `commands/`.
 *
 * @since 0.1.0
 */
import * as Command from "effect/cli/Command"
import * as Class from "./commands/Class.ts"
import * as Config from "./commands/Config.ts"
import * as Conform from "./commands/Conform.ts"
import * as Dlq from "./commands/Dlq.ts"
import * as Events from "./commands/Events.ts"
import * as Explain from "./commands/Explain.ts"
import * as Health from "./commands/Health.ts"
import * as Positions from "./commands/Positions.ts"
import * as Set from "./commands/Set.ts"
import * as Stream from "./commands/Stream.ts"

/**
 * @category commands
 * @since 0.1.0
 */
export const command = Command.make("kps").pipe(
  Command.withDescription("Looks into running KPS connectors, and tells them what to do"),
  Command.withSubcommands([
    Class.command,
    Config.command,
    Conform.command,
    Dlq.command,
    Events.command,
    Explain.command,
    Health.command,
    Positions.command,
    Set.command,
    Stream.command
  ])
)
