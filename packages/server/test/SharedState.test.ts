import { assert, describe, it } from "@effect/vitest"
import { NatsTransport } from "@kps/transport"
import * as NatsServer from "@kps/transport/testing/NatsServer"
import { ConfigProvider, Duration, Effect, Layer, Option, References } from "effect"
import { DesiredState } from "../src/DesiredState.ts"
import { Lease } from "../src/Lease.ts"
import { Positions } from "../src/Positions.ts"
import * as SharedState from "../src/SharedState.ts"

const read = (env: Record<string, string>) => SharedState.config.parse(ConfigProvider.fromEnv({ env }))

const there = Effect.gen(function*() {
  return [
    Option.isSome(yield* Effect.serviceOption(DesiredState)),
    Option.isSome(yield* Effect.serviceOption(Positions)),
    Option.isSome(yield* Effect.serviceOption(Lease))
  ]
})

describe("SharedState", () => {
  it.effect("reads the environment, with the defaults that docs/operations.md has", () =>
    Effect.gen(function*() {
      const told = ({ deadLetters: _, timeToLive, ...rest }: Effect.Success<ReturnType<typeof read>>) => ({
        ...rest,
        seconds: Duration.toSeconds(Duration.fromInputUnsafe(timeToLive))
      })

      assert.deepStrictEqual(told(yield* read({})), { state: "memory", replicas: 1, prefix: "kps", seconds: 10 })
      assert.deepStrictEqual(
        told(
          yield* read({
            KPS_STATE: "jetstream",
            KPS_STATE_REPLICAS: "3",
            KPS_STATE_PREFIX: "eu-1",
            KPS_LEASE_TTL: "30"
          })
        ),
        { state: "jetstream", replicas: 3, prefix: "eu-1", seconds: 30 }
      )
      for (
        const [name, value] of [
          ["KPS_STATE", "redis"],
          ["KPS_STATE_REPLICAS", "2"],
          ["KPS_STATE_PREFIX", "a.b"],
          ["KPS_LEASE_TTL", "0"],
          ["KPS_LEASE_TTL", "1.5"]
        ] as const
      ) assert.include((yield* Effect.flip(read({ [name]: value }))).message, name)
    }))

  describe.skipIf(NatsServer.skipReason() !== undefined)(NatsServer.suiteName("on a broker"), () => {
    it.live("provides nothing with memory, and all of it with jetstream", () =>
      Effect.gen(function*() {
        const { url } = yield* NatsServer.make({ jetstream: true })
        const given = (state: "memory" | "jetstream") =>
          Effect.provide(
            there,
            SharedState.layer({ connectorId: "c-1", state }).pipe(
              Layer.provide(NatsTransport.layer({ servers: [url] })),
              Layer.provide(Layer.succeed(References.MinimumLogLevel, "None"))
            )
          )

        assert.deepStrictEqual(yield* given("memory"), [false, false, false])
        assert.deepStrictEqual(yield* given("jetstream"), [true, true, true])
      }), 20_000)
  })
})
