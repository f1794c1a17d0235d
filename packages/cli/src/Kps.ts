/**
 * The `kps` command with all its subcommands: one file each under `commands/`.
 *
 * @since 0.1.0
 */
import * as Command from "effect/cli/Command"
import * as Class from "./commands/Class.ts"
import * as Completion from "./commands/Completion.ts"
import * as Config from "./commands/Config.ts"
import * as Conform from "./commands/Conform.ts"
import * as Delete from "./commands/Delete.ts"
import * as Dlq from "./commands/Dlq.ts"
import * as Doctor from "./commands/Doctor.ts"
import * as Events from "./commands/Events.ts"
import * as Explain from "./commands/Explain.ts"
import * as Get from "./commands/Get.ts"
import * as Health from "./commands/Health.ts"
import * as Operate from "./commands/Operate.ts"
import * as Positions from "./commands/Positions.ts"
import * as Serve from "./commands/Serve.ts"
import * as Set from "./commands/Set.ts"
import * as Stream from "./commands/Stream.ts"
import * as Write from "./commands/Write.ts"

/**
 * @category commands
 * @since 0.1.0
 */
export const command = Command.make("kps").pipe(
  Command.withDescription("Runs a local KPS, writes its documents, and looks into running connectors"),
  Command.withSubcommands([
    Write.apply,
    Class.command,
    Completion.make((): Completion.Root => command),
    Config.command,
    Conform.command,
    Write.create,
    Delete.command,
    Dlq.command,
    Doctor.command,
    Events.command,
    Explain.command,
    Get.command,
    Health.command,
    Operate.logs,
    Positions.command,
    Serve.serve,
    Set.command,
    Stream.command,
    Operate.tap,
    Operate.top,
    Serve.up,
    Write.update
  ])
)
