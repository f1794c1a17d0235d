import { assert, describe, it } from "@effect/vitest"
import { JetStream, PlatformTransport, Transport } from "@kps/transport"
import * as NatsServer from "@kps/transport/testing/NatsServer"
import { ConfigProvider, Effect, Layer, Option, References } from "effect"
import { onlooker, texts } from "./jetstream.ts"
import { channelOf } from "./support.ts"

const channel = channelOf("plant.line-1")

/** Runs an effect with the transport of an environment. */
const withEnv = (env: Record<string, string>) => <A, E>(effect: Effect.Effect<A, E, Transport.Transport>) =>
  effect.pipe(
    Effect.provide(Layer.provide(
      Layer.fresh(PlatformTransport.layerEnv),
      ConfigProvider.layer(ConfigProvider.fromEnv({ env }))
    )),
    Effect.provideService(References.MinimumLogLevel, "None")
  )

const publish = Transport.Transport.use((transport) => transport.publishConfirmed(channel, texts("a", 3)))
const isStored = Effect.map(Effect.serviceOption(JetStream.JetStream), Option.isSome)

describe.skipIf(NatsServer.skipReason() !== undefined)(NatsServer.suiteName("PlatformTransport"), () => {
  it.live("is core NATS by default, and stores nothing", () =>
    Effect.gen(function*() {
      const server = yield* NatsServer.make({ jetstream: true })
      const look = yield* onlooker(server)
      for (const env of [{}, { KPS_TRANSPORT: "" }, { KPS_TRANSPORT: "core" }]) {
        const stored = yield* Effect.andThen(publish, isStored).pipe(withEnv({ NATS_BROKER: server.url, ...env }))

        assert.isFalse(stored)
      }
      const account = yield* Effect.promise(() => look.manager.getAccountInfo())

      assert.strictEqual(account.streams, 0)
    }))

  it.live("stores channels where JetStream is asked for, as the environment says", () =>
    Effect.gen(function*() {
      const server = yield* NatsServer.make({ jetstream: true })
      const look = yield* onlooker(server)
      const env = { NATS_BROKER: server.url, KPS_TRANSPORT: "jetstream", NATS_JS_MAX_MESSAGES: "2" }
      const stored = yield* Effect.andThen(publish, isStored).pipe(withEnv(env))

      assert.isTrue(stored)
      assert.strictEqual((yield* look.stored("KPS_plant_line-1")).length, 2)
    }))
})

it.live("PlatformTransport says what KPS_TRANSPORT may be", () =>
  Effect.gen(function*() {
    const error = yield* Effect.void.pipe(withEnv({ KPS_TRANSPORT: "carrier pigeon" }), Effect.flip)

    assert.strictEqual(
      error.message,
      "invalid option \"KPS_TRANSPORT\": it is \"carrier pigeon\", want \"core\" or \"jetstream\""
    )
  }))
