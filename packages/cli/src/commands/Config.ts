/**
 * `kps config`: the config in force of a running connector; and the contexts of service domains.
 *
 * @since 0.1.0
 */
import type { JsonObject, JsonValue } from "@bufbuild/protobuf"
import { ConnectorClient } from "@kps/client"
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import { BadAssignment } from "../CommandError.ts"
import * as Connection from "../Connection.ts"
import * as Output from "../Output.ts"
import * as Contexts from "./Contexts.ts"

const columns: ReadonlyArray<Output.Column<readonly [string, JsonValue]>> = [
  { header: "KEY", cell: ([key]) => key },
  { header: "VALUE", cell: ([, value]) => typeof value === "string" ? value : JSON.stringify(value) }
]

const print = (format: Output.Format, config: JsonObject) =>
  format === "table"
    ? Output.list(format, columns, Object.entries(config))
    : Console.log(Output.value(format, config))

const printInForce = Effect.fnUntraced(function*(format: Output.Format) {
  const client = yield* ConnectorClient.ConnectorClient
  yield* print(format, yield* client.getConfig)
})

const get = Command.make(
  "get",
  { ...Connection.flags, output: Output.flag },
  Effect.fn("kps config get")(({ output }) => printInForce(output))
).pipe(
  Command.withDescription("Print the config in force, defaults filled in"),
  Command.provide((flags) => Connection.layer(flags))
)

/**
 * Reads `key=value`: the value as JSON where it is JSON, as text where it is not.
 *
 * @category parsing
 * @since 0.1.0
 */
export const assignment = Effect.fnUntraced(function*(text: string) {
  const at = text.indexOf("=")
  if (at < 1) return yield* new BadAssignment({ text })
  const value = text.slice(at + 1)
  // what is not JSON is text
  const json = yield* Effect.option(Effect.try({ try: (): JsonValue => JSON.parse(value), catch: () => text }))
  return [text.slice(0, at), json._tag === "Some" ? json.value : value] as const
})

const set = Command.make(
  "set",
  {
    ...Connection.flags,
    output: Output.flag,
    unset: Flag.String("unset").pipe(
      Flag.withMetavar("KEY"),
      Flag.withDescription("A key to delete, so that its default holds; may be given several times"),
      Flag.atLeast(0)
    ),
    assignments: Argument.String("key=value").pipe(
      Argument.withDescription("A top-level key and its new value, as JSON or else as text"),
      Argument.variadic()
    )
  },
  Effect.fn("kps config set")(function*({ assignments, output, unset }) {
    const changes = yield* Effect.forEach(assignments, assignment)
    if (changes.length + unset.length === 0) return yield* new BadAssignment({ text: "" })
    const client = yield* ConnectorClient.ConnectorClient
    yield* client.setConfig(Object.fromEntries([...unset.map((key) => [key, null] as const), ...changes]))
    yield* printInForce(output)
  })
).pipe(
  Command.withDescription("Change some keys of the config, and print what is in force then; streams are left alone"),
  Command.withExamples([{ command: "kps config set log_level=DEBUG", description: "Log more" }]),
  Command.provide((flags) => Connection.layer(flags))
)

/**
 * @category commands
 * @since 0.1.0
 */
export const command = Command.make("config").pipe(
  Command.withDescription("The config of a running connector; and which service domains there are to talk to"),
  Command.withSubcommands([get, set, ...Contexts.commands])
)
