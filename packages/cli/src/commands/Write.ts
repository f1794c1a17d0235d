/**
 * `kps create`, `kps update`, `kps apply`: documents from files.
 *
 * @since 0.1.0
 */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Noun from "../domain/Noun.ts"
import * as TargetFlags from "../domain/TargetFlags.ts"
import * as Output from "../Output.ts"

// loaded when it is asked for: no other command reads documents
const run = Effect.promise(() => import("../domain/DocumentsRun.ts"))

const flags = {
  ...TargetFlags.flags,
  output: Output.flag,
  kind: Argument.String("kind").pipe(
    Argument.withDescription(`What the file holds (${Noun.list}), where it does not say so itself`),
    Argument.optional
  ),
  file: Flag.String("file").pipe(
    Flag.withAlias("f"),
    Flag.withMetavar("FILE|FOLDER"),
    Flag.withDescription("JSON of a connector kind, or YAML with any number of documents; or a folder of such files")
  ),
  dryRun: Flag.Boolean("dry-run").pipe(
    Flag.withDescription("Say what would be done, and what is wrong, and do nothing"),
    Flag.withDefault(false)
  )
}

const command = (mode: "create" | "update" | "apply") =>
  Command.make(
    mode,
    flags,
    Effect.fn(`kps ${mode}`)(function*({ dryRun, file, kind, output, ...target }) {
      const given = Option.isNone(kind) ? Option.none() : Option.some(yield* Noun.parse(kind.value))
      yield* (yield* run).write(mode, { file, kind: given, output, dryRun, target })
    })
  )

/**
 * @category commands
 * @since 0.1.0
 */
export const create = command("create").pipe(
  Command.withDescription(
    "Create the documents of a file, those that others refer to first; all of them, or none when one is refused"
  ),
  Command.withExamples([
    { command: "kps create connectorclass -f class.json", description: "Register a connector class" },
    { command: "kps create -f pipeline.yaml", description: "What each document is, it says by its kind" }
  ])
)

/**
 * @category commands
 * @since 0.1.0
 */
export const update = command("update").pipe(
  Command.withDescription("Put the documents of a file in the place of those with their ids or names")
)

/**
 * @category commands
 * @since 0.1.0
 */
export const apply = command("apply").pipe(
  Command.withDescription(
    "Create the documents of a file or a folder that are not there, update those that differ, leave the others alone"
  ),
  Command.withExamples([{ command: "kps apply -f samples/nats", description: "Everything in a folder" }])
)
