// Acts as the platform for the first connector: asks it for a stream, and waits for one reading on the channel.
// node drive.ts ENDPOINT FILE; the environment is that of the connector.
import { ConnectorClient } from "@kps/client"
import { StreamDirection } from "@kps/idl"
import { Channel, NatsTransport, Transport } from "@kps/transport"
import { Config, Console, Effect, Layer, Logger, Stream } from "effect"

const [endpoint = "", path = ""] = process.argv.slice(2)

const channel = Channel.ChannelName.make("readings")

const program = Effect.gen(function*() {
  const transport = yield* Transport.Transport
  const client = yield* ConnectorClient.ConnectorClient
  const readings = yield* transport.subscription(channel)
  yield* client.setStreams([{
    id: "sensor",
    direction: StreamDirection.INGRESS,
    transportChannel: channel,
    metadata: { path, everyMillis: 20 }
  }])
  const [reading] = yield* readings.pipe(Stream.take(1), Stream.runCollect)
  for (const payload of reading?.payloads ?? []) yield* Console.log(`reading: ${new TextDecoder().decode(payload)}`)
  for (const { discovered, id, subscribed } of yield* client.getStreams) {
    yield* Console.log(`stream: ${JSON.stringify({ id, subscribed, discovered })}`)
  }
}).pipe(Effect.scoped, Effect.timeout("15 seconds"))

const layer = Layer.merge(
  ConnectorClient.layerConfig({
    endpoint: Config.succeed(endpoint),
    connectorId: Config.String("CONNECTOR_INSTANCE_ID")
  }),
  NatsTransport.layerEnv
).pipe(
  // what is printed is what came back
  Layer.provideMerge(Logger.layer([]))
)

await Effect.runPromise(Effect.provide(program, layer))
