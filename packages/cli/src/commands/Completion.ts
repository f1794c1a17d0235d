/**
 * `kps completion`: what a shell needs to complete command lines.
 *
 * @since 0.1.0
 */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Completions from "effect/cli/Completions"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"

/**
 * A command with everything below it.
 *
 * @category models
 * @since 0.1.0
 */
export type Root = Parameters<typeof Completions.fromCommand>[0]

/**
 * The command, for the command that it is to complete.
 *
 * @category commands
 * @since 0.1.0
 */
export const make = (kps: () => Root) =>
  Command.make(
    "completion",
    {
      shell: Argument.Literals("shell", ["bash", "zsh", "fish"]).pipe(Argument.withDescription("Which shell it is for"))
    },
    Effect.fn("kps completion")(function*({ shell }) {
      yield* Console.log(Completions.generate("kps", shell, Completions.fromCommand(kps())))
    })
  ).pipe(
    Command.withDescription("Print what a shell needs to complete command lines"),
    Command.withExamples([{ command: "source <(kps completion bash)", description: "In this shell" }])
  )
