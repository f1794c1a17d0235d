/**
 * `kps stream`: the streams of a running connector.
 *
 * @since 0.1.0
 */
import { ConnectorClient } from "@kps/client"
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import * as Connection from "../Connection.ts"
import * as Output from "../Output.ts"
import * as Views from "../Views.ts"

const ls = Command.make(
  "ls",
  { ...Connection.flags, output: Output.flag },
  Effect.fn("kps stream ls")(function*({ output }) {
    const client = yield* ConnectorClient.ConnectorClient
    const streams = yield* client.getStreams
    yield* Output.list(output, Views.streamColumns, streams.map(Views.stream))
  })
).pipe(
  Command.withDescription("List the streams that run, that should run, and that the connector offers"),
  Command.withExamples([{
    command: "kps stream ls --connector-id c-1",
    description: "The streams of the connector on this machine"
  }]),
  Command.provide((flags) => Connection.layer(flags))
)

/**
 * @category commands
 * @since 0.1.0
 */
export const command = Command.make("stream").pipe(
  Command.withDescription("Look at the streams of a running connector"),
  Command.withSubcommands([ls])
)
