/** The bundled connector, several times and again: what its replicas share, and what outlives them. */
import { assert, describe, layer } from "@effect/vitest"
import { ConnectorClient } from "@kps/client"
import { binary, make as natsServer, suiteName } from "@kps/transport/testing/NatsServer"
import { Context, Effect, Layer } from "effect"
import * as Support from "./support.ts"

class Bundle extends Context.Service<Bundle, string>()("test/Bundle") {}

const suite = layer(Layer.effect(Bundle, Support.bundle), { excludeTestServices: true, timeout: "60 seconds" })

/** Starts a replica of "c-1" and gives a caller of it. */
const start = Effect.fnUntraced(function*(broker: string, env: Readonly<Record<string, string>> = {}) {
  const file = yield* Bundle
  const process = yield* Support.start(file, ["--host", "127.0.0.1", "--port", "0"], {
    CONNECTOR_INSTANCE_ID: "c-1",
    NATS_BROKER: broker,
    KPS_STATE: "jetstream",
    KPS_LEASE_TTL: "1",
    ...env
  })
  const port = yield* Support.ready(process)
  const client = Support.clientAt(port, "c-1")
  return {
    process,
    call: <A, E>(effect: Effect.Effect<A, E, ConnectorClient.ConnectorClient>) => Effect.provide(effect, client)
  }
})

describe.skipIf(binary() === undefined)(suiteName("replicas"), () => {
  suite("bundled", (it) => {
    it.effect(
      "a connector that was killed goes on with its streams and config by itself",
      () =>
        Effect.gen(function*() {
          const platform = yield* natsServer({ jetstream: true })
          const outside = yield* natsServer()
          const world = yield* Support.natsClient(outside.url)
          const pipelines = yield* Support.natsClient(platform.url)
          const channel = yield* Support.collectChannel(pipelines, "ch.in")
          const before = yield* start(platform.url)
          yield* before.call(ConnectorClient.ConnectorClient.use((client) =>
            client.setPayload([
              { object: { case: "config", value: { metadata: { log_level: "ERROR" } } } },
              {
                object: {
                  case: "stream",
                  value: Support.stream("in", "INGRESS", { subject: "nats_in", broker: outside.url })
                }
              }
            ])
          ))
          before.process.child.kill("SIGKILL")
          assert.strictEqual(yield* before.process.exited, "SIGKILL")

          const after = yield* start(platform.url)
          yield* after.call(Support.until("running", Effect.map(Support.subscribed("in"), (runs) => runs === true)))
          const config = yield* after.call(ConnectorClient.ConnectorClient.use((client) => client.getConfig))
          world.publish("nats_in", "again")
          yield* Support.until("through", Effect.sync(() => channel.includes("again")))

          assert.deepStrictEqual(config, { log_level: "ERROR" })
          assert.deepStrictEqual(channel, ["again"])
        }),
      60_000
    )

    it.effect("forgets everything with KPS_STATE=memory", () =>
      Effect.gen(function*() {
        const platform = yield* natsServer({ jetstream: true })
        const before = yield* start(platform.url, { KPS_STATE: "memory" })
        yield* before.call(ConnectorClient.ConnectorClient.use((client) => client.setConfig({ log_level: "ERROR" })))
        before.process.child.kill("SIGKILL")
        const after = yield* start(platform.url, { KPS_STATE: "memory" })

        assert.deepStrictEqual(
          yield* after.call(ConnectorClient.ConnectorClient.use((client) => client.getConfig)),
          { log_level: "INFO" }
        )
      }), 60_000)
  })
})
