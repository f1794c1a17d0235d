import { assert, describe, it } from "@effect/vitest"
import { JetStream, JetStreamTransport, Transport } from "@kps/transport"
import * as NatsServer from "@kps/transport/testing/NatsServer"
import { Config, ConfigProvider, Effect, Layer, References, Schema } from "effect"
import { onlooker, texts } from "./jetstream.ts"
import { channelOf } from "./support.ts"

const channel = channelOf("plant.line-1")

const withEnv = (env: Record<string, string>) =>
  Layer.provide(Layer.fresh(JetStreamTransport.layerEnv), ConfigProvider.layer(ConfigProvider.fromEnv({ env })))

const silently = Effect.provideService(References.MinimumLogLevel, "None")

describe.skipIf(NatsServer.skipReason() !== undefined)(NatsServer.suiteName("JetStream, configured"), () => {
  it.live("reads the environment: the connection's, and what streams are made with", () =>
    Effect.gen(function*() {
      const server = yield* NatsServer.make({ jetstream: true })
      const look = yield* onlooker(server)
      const name = yield* JetStream.JetStream.use((jetStream) => jetStream.stream(channel)).pipe(
        Effect.provide(withEnv({
          NATS_BROKER: server.url,
          NATS_JS_STORAGE: "memory",
          NATS_JS_REPLICAS: "1",
          NATS_JS_DISCARD: "new",
          NATS_JS_MAX_AGE: "2 hours",
          NATS_JS_DUPLICATE_WINDOW: "30 seconds",
          NATS_JS_MAX_BYTES: "1000000",
          NATS_JS_MAX_MESSAGES: "1000"
        })),
        silently
      )
      const { config } = yield* Effect.promise(() => look.manager.streams.info(name))

      assert.deepInclude(config, {
        storage: "memory",
        num_replicas: 1,
        discard: "new",
        max_age: 7_200_000_000_000,
        duplicate_window: 30_000_000_000,
        max_bytes: 1_000_000,
        max_msgs: 1000
      })
    }))

  it.live("says which variable is wrong", () =>
    Effect.gen(function*() {
      const wrong = [
        { NATS_JS_STORAGE: "tape" },
        { NATS_JS_MAX_AGE: "soon" },
        { NATS_JS_REPLICAS: "many" },
        { NATS_JS_ON_DIFFERENCE: "shrink" }
      ]
      for (const env of wrong) {
        const error = yield* Effect.void.pipe(
          Effect.provide(withEnv({ NATS_BROKER: "127.0.0.1:1", ...env })),
          silently,
          Effect.flip
        )

        assert.include(error.message, Object.keys(env)[0] ?? "")
      }
    }))

  it.live("takes options of configuration", () =>
    Effect.gen(function*() {
      const server = yield* NatsServer.make({ jetstream: true })
      const look = yield* onlooker(server)
      const layer = JetStreamTransport.layerConfig({
        servers: Config.Array(Schema.String, "SERVERS"),
        stream: { maxMessages: Config.Int("MOST") }
      }).pipe(Layer.provide(ConfigProvider.layer(ConfigProvider.fromUnknown({ SERVERS: [server.url], MOST: 3 }))))
      yield* Transport.Transport.use((transport) => transport.publishConfirmed(channel, texts("a", 5))).pipe(
        Effect.provide(layer),
        silently
      )

      assert.strictEqual((yield* look.stored("KPS_plant_line-1")).length, 3)
    }))
})
