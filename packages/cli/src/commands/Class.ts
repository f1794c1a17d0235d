/**
 * `kps class`: the class document of a connector, from its code.
 *
 * @since 0.1.0
 */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Output from "../Output.ts"

// loaded when it is asked for: no other command reads schemas
const run = Effect.promise(() => import("../ClassRun.ts"))

const made = {
  module: Argument.String("module").pipe(
    Argument.withDescription(
      "The connector's definition: a JavaScript or TypeScript module that exports what Connector.make gives"
    )
  ),
  export: Flag.String("export").pipe(
    Flag.withMetavar("NAME"),
    Flag.withDescription("Which export is the connector; without it, the only one there is"),
    Flag.optional
  ),
  template: Flag.String("template").pipe(
    Flag.withAlias("t"),
    Flag.withMetavar("FILE"),
    Flag.withDescription(
      "Kubernetes resources in YAML, with {{ .Parameters.<name> }} in the places of static parameters"
    )
  ),
  minSvcDomainVersion: Flag.String("min-svc-domain-version").pipe(
    Flag.withMetavar("VERSION"),
    Flag.withDescription("The first service domain that the class is for"),
    Flag.withDefault("2.3.0")
  )
}

const build = Command.make(
  "build",
  {
    ...made,
    file: Flag.String("file").pipe(
      Flag.withAlias("f"),
      Flag.withMetavar("FILE"),
      Flag.withDescription("Where to write the class document; without it, it is printed"),
      Flag.optional
    )
  },
  Effect.fn("kps class build")(function*({ file, ...made }) {
    yield* (yield* run).build(made, file)
  })
).pipe(
  Command.withDescription("Make the class document of a connector"),
  Command.withExamples([{
    command: "kps class build src/MyConnector.ts -t connector.yaml -f class.json",
    description: "Write class.json from the definition and its Kubernetes resources"
  }])
)

const check = Command.make(
  "check",
  {
    ...made,
    file: Flag.String("file").pipe(
      Flag.withAlias("f"),
      Flag.withMetavar("FILE"),
      Flag.withDescription("The class document to look at")
    )
  },
  Effect.fn("kps class check")(function*({ file, ...made }) {
    yield* (yield* run).check(made, file)
  })
).pipe(
  Command.withDescription("Tell where a class document is not what the code makes; exit code 1 when it is not"),
  Command.withExamples([{
    command: "kps class check src/MyConnector.ts -t connector.yaml -f class.json",
    description: "In a build, so that the document cannot fall behind"
  }])
)

const diff = Command.make(
  "diff",
  {
    old: Argument.String("old").pipe(Argument.withDescription("The class document in use")),
    new: Argument.String("new").pipe(Argument.withDescription("The one to take its place")),
    output: Output.flag
  },
  Effect.fn("kps class diff")(function*({ new: next, old, output }) {
    yield* (yield* run).diff(old, next, output)
  })
).pipe(
  Command.withDescription(
    "Tell whether a new class takes every instance, config and stream that the old one takes; exit code 1 when it does not, or that cannot be told"
  ),
  Command.withExamples([{
    command: "kps class diff class-1.0.json class.json",
    description: "With an example that the new one refuses, where there is one"
  }])
)

/**
 * @category commands
 * @since 0.1.0
 */
export const command = Command.make("class").pipe(
  Command.withDescription("Make the class document of a connector, check it against the code, compare two of them"),
  Command.withSubcommands([build, check, diff])
)
