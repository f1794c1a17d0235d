import { assert, describe, it } from "@effect/vitest"
import { ConnectorClient, Endpoint } from "@kps/client"
import { Effect, Layer } from "effect"

describe("Endpoint", () => {
  for (
    const endpoint of [
      "127.0.0.1:8000",
      "localhost:1",
      "nats-svc:9000",
      "my_svc.project.svc.cluster.local:65535",
      "example.com.:80",
      "[::1]:8000"
    ]
  ) {
    it.effect(`takes "${endpoint}"`, () =>
      Effect.gen(function*() {
        assert.strictEqual(yield* Endpoint.parse(endpoint), endpoint)
      }))
  }

  const refused: ReadonlyArray<readonly [endpoint: string, problem: Endpoint.InvalidEndpoint["problem"]]> = [
    ["nats://x", "it has a scheme"],
    ["http://127.0.0.1:8000", "it has a scheme"],
    ["", "it has no port"],
    ["localhost", "it has no port"],
    ["localhost:", "it has no port"],
    ["[::1]", "it has no port"],
    ["localhost:0", "its port is not between 1 and 65535"],
    ["localhost:65536", "its port is not between 1 and 65535"],
    ["localhost:8e3", "its port is not between 1 and 65535"],
    ["localhost:80/x", "its port is not between 1 and 65535"],
    ["localhost: 80", "its port is not between 1 and 65535"],
    [":80", "its host is no name and no address"],
    ["::1:80", "its host is no name and no address"],
    ["[::x]:80", "its host is no name and no address"],
    ["[fe80::1%eth0]:80", "its host is no name and no address"],
    ["256.1.1.1:80", "its host is no name and no address"],
    ["user@host:80", "its host is no name and no address"],
    ["ho st:80", "its host is no name and no address"],
    ["http//host:80", "its host is no name and no address"],
    ["-a:80", "its host is no name and no address"]
  ]
  for (const [endpoint, problem] of refused) {
    it.effect(`refuses "${endpoint}": ${problem}`, () =>
      Effect.gen(function*() {
        const error = yield* Effect.flip(Endpoint.parse(endpoint))

        assert.strictEqual(error._tag, "InvalidEndpoint")
        assert.strictEqual(error.endpoint, endpoint)
        assert.strictEqual(error.problem, problem)
      }))
  }

  it.effect("fails the layer before anything is connected, with a message that shows what it wants", () =>
    Effect.gen(function*() {
      const error = yield* Layer.build(ConnectorClient.layer({ endpoint: "nats://x", connectorId: "c-1" })).pipe(
        Effect.flip
      )

      assert.strictEqual(
        error.message,
        "want an endpoint as host:port, such as \"127.0.0.1:8000\", got \"nats://x\": it has a scheme"
      )
      assert.isFalse(error.isRetryable)
    }))

  it.effect("cuts a long endpoint in its message", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(Endpoint.parse("x".repeat(1_000_000)))

      assert.isBelow(error.message.length, 400)
    }))
})
