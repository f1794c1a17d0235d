/**
 * `kps explain`: what a running connector does, and why.
 *
 * @since 0.1.0
 */
import * as Command from "effect/cli/Command"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as ExplainView from "../ExplainView.ts"
import * as Output from "../Output.ts"
import * as RunningConnector from "../RunningConnector.ts"

const guarantees = Command.make(
  "guarantees",
  { ...RunningConnector.flags, output: Output.flag },
  Effect.fn("kps explain guarantees")(function*({ output, ...flags }) {
    const streams = yield* RunningConnector.required(flags)
    yield* Console.log(output === "table" ? ExplainView.text(streams) : Output.value(output, streams))
  })
).pipe(
  Command.withDescription(
    "Say of each stream how often a message arrives, what can be lost, what can come twice, why, and what would raise it"
  ),
  Command.withExamples([
    { command: "kps explain guarantees -e 127.0.0.1:8000 -c c-1", description: "Ask the connector" },
    { command: "kps explain guarantees --http 127.0.0.1:9090", description: "Ask where it serves its metrics" }
  ])
)

/**
 * @category commands
 * @since 0.1.0
 */
export const command = Command.make("explain").pipe(
  Command.withDescription("Explain what a running connector does"),
  Command.withSubcommands([guarantees])
)
