/**
 * `kps positions`: how far the resumable sources of connectors have come.
 *
 * @since 0.1.0
 */
import type { Positions } from "@kps/server"
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Config from "effect/Config"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import type * as Schema from "effect/Schema"
import * as Connection from "../Connection.ts"
import * as NatsFlags from "../NatsFlags.ts"
import * as Output from "../Output.ts"

/** With what they do: at the broker, and only there. */
const run = Effect.promise(() => import("../PositionsRun.ts"))

interface View {
  readonly connector: string
  readonly stream: string
  readonly position: Schema.Json
  readonly parameters: object
  readonly saved: string
  readonly revision: number
}

const view = (saved: Positions.Saved): View => ({
  connector: saved.instance,
  stream: saved.stream,
  position: saved.position,
  parameters: saved.parameters,
  saved: new Date(saved.savedAtMillis).toISOString(),
  revision: saved.revision
})

const columns: ReadonlyArray<Output.Column<View>> = [
  { header: "CONNECTOR", cell: ({ connector }) => connector },
  { header: "STREAM", cell: ({ stream }) => stream },
  { header: "POSITION", cell: ({ position }) => JSON.stringify(position) },
  { header: "SAVED", cell: ({ saved }) => saved },
  { header: "REVISION", cell: ({ revision }) => String(revision) }
]

const print = (format: Output.Format, saved: Positions.Saved) =>
  format === "table"
    ? Output.list(format, columns, [view(saved)])
    : Console.log(Output.value(format, view(saved)))

const flags = { ...NatsFlags.flags, connectorId: Connection.flags.connectorId }

const stream = Argument.String("stream").pipe(Argument.withDescription("Id of the stream"))

const ls = Command.make(
  "ls",
  {
    ...NatsFlags.flags,
    connectorId: Flag.String("connector-id").pipe(
      Flag.withAlias("c"),
      Flag.withMetavar("ID"),
      Flag.withDescription("Those of one connector instance alone; or CONNECTOR_INSTANCE_ID. Default: all"),
      Flag.withFallbackConfig(Config.String("CONNECTOR_INSTANCE_ID")),
      Flag.optional
    ),
    output: Output.flag
  },
  Effect.fn("kps positions ls")(function*({ connectorId, nats, output, prefix }) {
    const { layer, list } = yield* run
    const all = yield* Effect.provide(list(connectorId), layer({ nats, prefix }))
    yield* Output.list(output, columns, all.flatMap((one) => Result.isSuccess(one) ? [view(one.success)] : []))
    const unreadable = all.find(Result.isFailure)
    if (unreadable !== undefined) return yield* unreadable.failure
  })
).pipe(
  Command.withDescription("List the saved positions; exit code 1 when one of them cannot be read"),
  Command.withExamples([{ command: "kps positions ls --nats nats://127.0.0.1:4222", description: "All at a broker" }])
)

const get = Command.make(
  "get",
  { ...flags, output: Output.flag, stream },
  Effect.fn("kps positions get")(function*({ connectorId, nats, output, prefix, stream }) {
    const { get, layer } = yield* run
    yield* print(output, yield* Effect.provide(get(connectorId, stream), layer({ nats, prefix })))
  })
).pipe(Command.withDescription("Print the saved position of a stream"))

const set = Command.make(
  "set",
  {
    ...flags,
    output: Output.flag,
    stream,
    position: Argument.String("position").pipe(
      Argument.withDescription("The position as its source encodes it, as JSON or else as text: see kps positions get")
    )
  },
  Effect.fn("kps positions set")(function*({ connectorId, nats, output, position, prefix, stream }) {
    const { layer, set } = yield* run
    // what is not JSON is text
    const json = yield* Effect.option(
      Effect.try({ try: (): Schema.Json => JSON.parse(position), catch: () => position })
    )
    const value = Option.getOrElse(json, () => position)
    yield* print(output, yield* Effect.provide(set(connectorId, stream, value), layer({ nats, prefix })))
  })
).pipe(
  Command.withDescription(
    "Set the position of a stream, and print it; one that runs goes on there when it saves its own next, within a " +
      "second of the next message"
  ),
  Command.withExamples([{
    command: "kps positions set -c c-1 line-1 '{\"sequence\":1000}'",
    description: "Go on after message 1000"
  }])
)

const reset = Command.make(
  "reset",
  { ...flags, stream },
  Effect.fn("kps positions reset")(function*({ connectorId, nats, prefix, stream }) {
    const { layer, reset } = yield* run
    yield* Effect.provide(reset(connectorId, stream), layer({ nats, prefix }))
  })
).pipe(Command.withDescription("Take the position of a stream away, also one that cannot be read: it begins anew"))

/**
 * @category commands
 * @since 0.1.0
 */
export const command = Command.make("positions").pipe(
  Command.withDescription("Look at how far the resumable sources of connectors have come, and change it"),
  Command.withSubcommands([ls, get, set, reset])
)
