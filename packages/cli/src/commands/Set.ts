/**
 * `kps set`: tells a connector everything it should run.
 *
 * @since 0.1.0
 */
import { ConnectorClient } from "@kps/client"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Stdio from "effect/Stdio"
import * as Stream from "effect/Stream"
import { UnreadableFile } from "../CommandError.ts"
import * as Connection from "../Connection.ts"
import * as DesiredState from "../DesiredState.ts"
import * as Output from "../Output.ts"
import * as Views from "../Views.ts"

const read = Effect.fnUntraced(function*(file: string) {
  const files = yield* FileSystem.FileSystem
  const { stdin } = yield* Stdio.Stdio
  const text = file === "-" ? Stream.mkString(Stream.decodeText(stdin)) : files.readFileString(file)
  return yield* text.pipe(Effect.mapError((cause) => new UnreadableFile({ file, cause })))
})

/**
 * @category commands
 * @since 0.1.0
 */
export const command = Command.make(
  "set",
  {
    ...Connection.flags,
    output: Output.flag,
    file: Flag.String("file").pipe(
      Flag.withAlias("f"),
      Flag.withMetavar("FILE"),
      Flag.withDescription("Desired state in YAML or JSON: streams, config or both; - reads standard input")
    )
  },
  Effect.fn("kps set")(function*({ file, output }) {
    const state = yield* DesiredState.parse(file, yield* read(file))
    const client = yield* ConnectorClient.ConnectorClient
    // a request with streams names them all; an empty one stops them, and must come before the config it would drop
    if (state.streams?.length === 0) yield* client.setPayload([])
    const payloads = DesiredState.payloads(state)
    if (payloads.length > 0) yield* client.setPayload(payloads)
    const streams = yield* client.getStreams
    yield* Output.list(output, Views.streamColumns, streams.map(Views.stream))
  })
).pipe(
  Command.withDescription(
    "Tell a connector everything it should run: streams that the file does not name stop; without streams they stay"
  ),
  Command.withExamples([{ command: "kps set -f streams.yaml", description: "Run the streams of a file" }]),
  Command.provide((flags) => Connection.layer(flags))
)
