import { assert, describe, it } from "@effect/vitest"
import { NatsTransport } from "@kps/transport"
import * as NatsServer from "@kps/transport/testing/NatsServer"
import { Context, Effect, Layer } from "effect"
import { TestClock } from "effect/testing"
import * as EventHistory from "../src/events/EventHistory.ts"
import * as JetStreamEventHistory from "../src/events/JetStreamEventHistory.ts"
import { Histories, suite } from "./conformance/EventHistoryConformance.ts"

const memory = Layer.succeed(Histories, {
  fresh: (bounds) =>
    Effect.map(
      Effect.map(Layer.build(Layer.fresh(EventHistory.layerMemory(bounds))), Context.get(EventHistory.EventHistory)),
      (history) => ({ process: Effect.succeed(history) })
    )
})

suite("memory", memory)

const connect = (url: string, options: JetStreamEventHistory.Options) =>
  Effect.map(
    Layer.build(
      Layer.fresh(JetStreamEventHistory.layer(options)).pipe(
        Layer.provide(NatsTransport.layer({ servers: [url], reconnectDelay: "20 millis" })),
        Layer.orDie
      )
    ),
    Context.get(EventHistory.EventHistory)
  )

let count = 0

const jetStream: Layer.Layer<Histories, NatsServer.NatsServerError> = Layer.effect(
  Histories,
  Effect.map(NatsServer.NatsServer, ({ url }) => ({
    fresh: (bounds) => {
      const prefix = `kps${++count}`
      return Effect.succeed({ process: connect(url, { ...bounds, prefix, timeout: "20 seconds" }) })
    }
  }))
).pipe(Layer.provide(NatsServer.layer({ jetstream: true })))

describe("EventHistory in memory", () => {
  it.effect("forgets what is too old", () =>
    Effect.gen(function*() {
      const history = yield* EventHistory.EventHistory
      yield* history.add([{ type: "ALERT", path: "/a" }])
      yield* TestClock.adjust("59 minutes")
      const before = yield* history.query({ path: "/" })
      yield* TestClock.adjust("2 minutes")

      assert.lengthOf(before, 1)
      assert.lengthOf(yield* history.query({ path: "/" }), 0)
    }).pipe(Effect.provide(EventHistory.layerMemory({ maxAge: "1 hour" }))))
})

describe.skipIf(NatsServer.skipReason() !== undefined)(NatsServer.suiteName("EventHistory on JetStream"), () => {
  suite("JetStream", jetStream)

  it.live("outlives a broker that is killed", () =>
    Effect.gen(function*() {
      const server = yield* NatsServer.make({ jetstream: true })
      const history = yield* connect(server.url, { timeout: "20 seconds" })
      yield* history.add([{ type: "ALERT", path: "/a", message: "before" }])
      yield* server.kill("SIGKILL")
      yield* server.restart
      yield* history.add([{ type: "ALERT", path: "/a", message: "after" }])

      assert.deepStrictEqual(
        (yield* history.query({ path: "/a" })).map(({ message }) => message),
        ["after", "before"]
      )
    }), 60_000)
})
