/** A connector with events in force, served as `@kps/server` serves it. */
import { Connector } from "@kps/connector"
import { Event, Events } from "@kps/events"
import { ConnectorServer } from "@kps/server"
import { Transport } from "@kps/transport"
import { Context, Effect, Layer, References, Schema } from "effect"
import * as GrpcEvents from "../engine/GrpcEvents.ts"
import * as Role from "../engine/Role.ts"

const Bench = Connector.make("bench")({
  version: "1.0",
  description: "Has events and nothing else.",
  direction: "INGRESS",
  config: Schema.Struct({}),
  stream: Schema.Struct({}),
  failures: {}
})

Role.main(
  Schema.Struct({ events: Schema.Int }),
  Effect.fnUntraced(function*({ events: count }) {
    const options = { connectorId: GrpcEvents.connectorId, host: "127.0.0.1", port: 0 }
    const context = yield* Layer.build(
      ConnectorServer.layer(Bench, options).pipe(
        Layer.provide(Bench.toLayer(Effect.succeed({ ingress: () => Effect.never }))),
        Layer.provideMerge([Transport.layerMemory, Events.layer]),
        Layer.provide(Layer.succeed(References.MinimumLogLevel, "None"))
      )
    )
    const { port } = Context.get(context, ConnectorServer.ConnectorServer)
    const events = Context.get(context, Events.Events)
    for (let i = 0; i < count; i++) {
      const { message, metadata, name, streamId } = GrpcEvents.event(i)
      yield* events.raise(
        Event.alert(name, { message, severity: "WARNING", state: "UNHEALTHY", metadata: Schema.Json }),
        { streamId, metadata }
      )
    }
    return { where: () => Effect.succeed({ port }) }
  })
)
