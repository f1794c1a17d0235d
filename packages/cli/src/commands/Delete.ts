/**
 * `kps delete`: documents by name, or those of a file.
 *
 * @since 0.1.0
 */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { BadSelection } from "../CommandError.ts"
import * as Noun from "../domain/Noun.ts"
import * as TargetFlags from "../domain/TargetFlags.ts"
import * as Output from "../Output.ts"

const run = Effect.promise(() => import("../domain/DocumentsRun.ts"))

/**
 * @category commands
 * @since 0.1.0
 */
export const command = Command.make(
  "delete",
  {
    ...TargetFlags.flags,
    output: Output.flag,
    kind: Argument.String("kind").pipe(Argument.withDescription(`What to delete: ${Noun.list}`), Argument.optional),
    names: Argument.String("name").pipe(Argument.withDescription("Names or ids"), Argument.variadic()),
    file: Flag.String("file").pipe(
      Flag.withAlias("f"),
      Flag.withMetavar("FILE|FOLDER"),
      Flag.withDescription("Delete what these documents are, as far as it is there"),
      Flag.optional
    ),
    ignoreNotFound: Flag.Boolean("ignore-not-found").pipe(
      Flag.withDescription("Pass over names of which there is no document"),
      Flag.withDefault(false)
    )
  },
  Effect.fn("kps delete")(function*({ file, ignoreNotFound, kind, names, output, ...target }) {
    if (Option.isSome(file)) {
      if (Option.isSome(kind)) {
        return yield* new BadSelection({ problem: "want a kind with names, or --file, not both" })
      }
      return yield* (yield* run).removeFile({ file: file.value, output, target })
    }
    if (Option.isNone(kind) || names.length === 0) {
      return yield* new BadSelection({ problem: "say what to delete: a kind and names, or --file" })
    }
    yield* (yield* run).remove(yield* Noun.parse(kind.value), { names, ignoreNotFound, output, target })
  })
).pipe(
  Command.withDescription("Delete documents; one that others refer to is refused"),
  Command.withExamples([
    { command: "kps delete connectorstream natsconnectorstream-in", description: "One by its name" },
    { command: "kps delete -f samples/nats", description: "Everything in a folder, in the right order" }
  ])
)
