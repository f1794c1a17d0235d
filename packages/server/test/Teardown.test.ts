import { assert, describe, it } from "@effect/vitest"
import { ConnectorServer } from "@kps/server"
import { NatsTransport } from "@kps/transport"
import { ConfigProvider, Effect, Exit, Layer } from "effect"

const code = (exit: Exit.Exit<unknown, unknown>) => {
  const codes: Array<number> = []
  ConnectorServer.teardown(exit, (code) => codes.push(code))
  return codes
}

describe("ConnectorServer.teardown", () => {
  it("says 0 for a connector that was told to stop", () => {
    assert.deepStrictEqual(code(Exit.interrupt(1)), [0])
    assert.deepStrictEqual(code(Exit.void), [0])
  })

  it.effect("says 2 when the environment lacks the instance's id", () =>
    Effect.gen(function*() {
      const exit = yield* ConnectorServer.config.pipe(
        Effect.provide(ConfigProvider.layer(ConfigProvider.fromUnknown({}))),
        Effect.exit
      )

      assert.deepStrictEqual(code(exit), [2])
    }))

  it.effect("says 2 when the broker's address is none", () =>
    Effect.gen(function*() {
      const exit = yield* Effect.exit(Effect.scoped(Layer.build(NatsTransport.layer({ servers: ["http://x"] }))))

      assert.deepStrictEqual(code(exit), [2])
    }))

  it("says 1 for any other failure", () => {
    const failed = new ConnectorServer.ListenFailed({ host: "127.0.0.1", port: 1, cause: "in use" })

    assert.deepStrictEqual(code(Exit.fail(failed)), [1])
    assert.deepStrictEqual(code(Exit.die("bug")), [1])
  })
})
