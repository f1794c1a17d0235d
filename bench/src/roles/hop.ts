/**
 * What is between two channels: a subscription whose arrays are published again, written on the transport, or a data
 * pipeline that does the same, without functions or through one that passes everything on.
 */
import { Pipeline, type PipelineDescription } from "@kps/service-domain"
import { Channel, Transport } from "@kps/transport"
import { Effect, Schema, Stream } from "effect"
import * as Connection from "../engine/Connection.ts"
import * as Role from "../engine/Role.ts"

const Parameters = Schema.Struct({
  url: Schema.String,
  from: Channel.ChannelName,
  to: Channel.ChannelName,
  through: Schema.Literals(["transport", "pipeline", "node", "python"])
})

const code = {
  node: "exports.main = (ctx, msg) => ctx.send(msg)",
  python: "def main(ctx, msg):\n    ctx.send(msg)\n"
}

Role.main(
  Parameters,
  Effect.fnUntraced(function*({ from, through, to, url }) {
    const transport = yield* Connection.open(url)
    if (through === "transport") {
      const messages = yield* transport.subscription(from, { queue: "hop" })
      yield* Effect.forkScoped(Stream.runForEachArray(messages, (array) => transport.publishAll(to, array)))
      return {}
    }
    const description: PipelineDescription.PipelineDescription = {
      id: "bench",
      name: "bench",
      inputs: [{ channel: from, topic: "bench", selectors: {} }],
      functions: through === "pipeline"
        ? []
        : [{ id: "identity", name: "identity", language: through, code: code[through], params: {} }],
      outputs: [to]
    }
    const { report, running } = yield* Effect.provideService(Pipeline.run(description), Transport.Transport, transport)
    // there may be no Python on this machine: then it never runs
    yield* Effect.timeoutOrElse(running, {
      duration: "30 seconds",
      orElse: () => Effect.flatMap(report, ({ state }) => Effect.fail(state))
    })
    return {}
  })
)
