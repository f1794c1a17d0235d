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

  it.live("reads how long, and how much, members of a queue group hold; an empty variable says nothing", () =>
    Effect.gen(function*() {
      const server = yield* NatsServer.make({ jetstream: true })
      const look = yield* onlooker(server)
      const group = Effect.scoped(
        Transport.Transport.use((transport) => Effect.asVoid(transport.subscription(channel, { queue: "group" })))
      )
      const env = {
        NATS_BROKER: server.url,
        NATS_JS_ACK_WAIT: "3 seconds",
        NATS_JS_MAX_ACK_PENDING: "7",
        NATS_JS_REPLICAS: "",
        NATS_JS_MAX_AGE: ""
      }
      yield* group.pipe(Effect.provide(withEnv(env)), silently)
      const { config } = yield* Effect.promise(() => look.manager.consumers.info("KPS_plant_line-1", "group"))

      assert.deepInclude(config, { ack_wait: 3_000_000_000, max_ack_pending: 7 })
    }))

  it.live("says which variable is wrong, what it is, and what it may be", () =>
    Effect.gen(function*() {
      const wrong: ReadonlyArray<readonly [name: string, value: string, want: string]> = [
        ["NATS_JS_REPLICAS", "many", "a whole number from 1 to 5"],
        ["NATS_JS_REPLICAS", "6", "a whole number from 1 to 5"],
        ["NATS_JS_STORAGE", "tape", "\"file\" or \"memory\""],
        ["NATS_JS_DISCARD", "NEW", "\"old\" or \"new\""],
        ["NATS_JS_MAX_AGE", "soon", "a duration of at least 100 millis, such as \"7 days\""],
        ["NATS_JS_DUPLICATE_WINDOW", "50 millis", "a duration of at least 100 millis, such as \"2 minutes\""],
        ["NATS_JS_ACK_WAIT", "Infinity", "a duration of at least 100 millis, such as \"30 seconds\""],
        ["NATS_JS_MAX_BYTES", "-1", "a whole number of at least 1"],
        ["NATS_JS_MAX_MESSAGES", "0", "a whole number of at least 1"],
        ["NATS_JS_MAX_ACK_PENDING", "1.5", "a whole number of at least 1"],
        ["NATS_JS_ON_DIFFERENCE", "shrink", "\"fail\" or \"grow\""]
      ]
      for (const [name, value, want] of wrong) {
        const env = { NATS_BROKER: "127.0.0.1:1", [name]: value }
        const error = yield* Effect.void.pipe(Effect.provide(withEnv(env)), silently, Effect.flip)

        assert.strictEqual(error.message, `invalid option "${name}": it is "${value}", want ${want}`)
      }
    }))

  it.live("refuses a duplicate window that is longer than messages are kept", () =>
    Effect.gen(function*() {
      const env = { NATS_BROKER: "127.0.0.1:1", NATS_JS_MAX_AGE: "1 minute", NATS_JS_DUPLICATE_WINDOW: "2 minutes" }
      const error = yield* Effect.void.pipe(Effect.provide(withEnv(env)), silently, Effect.flip)

      assert.strictEqual(
        error.message,
        "invalid option \"NATS_JS_DUPLICATE_WINDOW\": it is 120000 ms, want at most NATS_JS_MAX_AGE, 60000 ms"
      )
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
