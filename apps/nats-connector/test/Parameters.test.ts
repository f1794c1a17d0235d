import { assert, describe, it } from "@effect/vitest"
import { Result, Schema } from "effect"
import { NatsConnector } from "../src/NatsConnector.ts"
import * as Parameters from "../src/Parameters.ts"

const stream = Schema.decodeUnknownResult(Schema.toCodecJson(Parameters.Stream), {
  errors: "all",
  onExcessProperty: "error"
})
const config = Schema.decodeUnknownResult(Schema.toCodecJson(Parameters.Config), { onExcessProperty: "error" })

const good = { subject: "nats_in", broker: "nats://nats:4222" }
const refusal = (override: object): string => {
  const decoded = stream({ ...good, ...override })
  assert(Result.isFailure(decoded), `accepted ${JSON.stringify(override)}`)
  return decoded.failure.message
}

describe("Parameters", () => {
  it("takes the stream of the original documentation", () => {
    assert.deepStrictEqual(stream(good), Result.succeed(good))
  })

  it("takes JetStream with its defaults, and with all that it may be told", () => {
    const decoded = (jetstream: object) => Result.map(stream({ ...good, jetstream }), (one) => one.jetstream)
    assert.deepStrictEqual(decoded({}), Result.succeed({ read: "acknowledged", start: "first" }))
    const durable = { read: "acknowledged", stream: "PLANT", durable: "reader-1", start: "new" } as const
    assert.deepStrictEqual(decoded(durable), Result.succeed(durable))
    const resumable = { read: "resumable", stream: "PLANT", start: "first" } as const
    assert.deepStrictEqual(decoded(resumable), Result.succeed(resumable))
  })

  it("refuses what does not go with JetStream, and names it", () => {
    assert.include(refusal({ jetstream: {}, queue: "q" }), "expected no queue with jetstream")
    assert.include(refusal({ jetstream: { read: "resumable", durable: "d" } }), "expected no durable with read")
    assert.include(refusal({ jetstream: { read: "twice" } }), "read")
    assert.include(refusal({ jetstream: { stream: "a.b" } }), "Expected a name of JetStream")
    assert.include(refusal({ jetstream: { durable: "a*" } }), "Expected a name of JetStream")
    assert.include(refusal({ jetstream: { strem: "a" } }), "strem")
    assert.include(refusal({ jetstream: true }), "jetstream")
  })

  it("takes hosts, addresses, ports and TLS", () => {
    for (
      const broker of [
        "nats://nats",
        "nats://127.0.0.1:4222",
        "tls://broker.plant-1.example.com:443",
        "nats://[::1]:4222",
        "nats://my_host:1",
        "nats://h:65535"
      ]
    ) assert.isTrue(Result.isSuccess(stream({ ...good, broker })), broker)
  })

  it("refuses what is no broker address, and says what one looks like", () => {
    for (
      const broker of [
        "nats//host",
        "nats:/host",
        "http://host:4222",
        "ws://host",
        "host:4222",
        "nats://",
        "nats://host:",
        "nats://host:99999",
        "nats://host:0",
        "nats://user:secret@host",
        "nats://host/path",
        "nats://a,nats://b",
        " nats://host",
        "nats://host\n",
        ""
      ]
    ) {
      const message = refusal({ broker })
      assert.match(
        message,
        /^Expected a broker address such as "nats:\/\/host:4222"|^expected a port from 1 to 65535/,
        broker
      )
      assert.notInclude(message, "secret")
    }
  })

  it("takes wildcards as whole tokens", () => {
    for (const subject of ["a", "a.b", "a.*", "*", "*.b.>", ">", "$SYS.>", "größe.α"]) {
      assert.isTrue(Result.isSuccess(stream({ ...good, subject })), subject)
    }
  })

  it("refuses what is no subject", () => {
    for (const subject of ["", "a b", "a..b", ".a", "a.", "a.>.b", "a*", "a>", "a\u0000", "a\n", "x".repeat(1_025)]) {
      assert.isNotEmpty(refusal({ subject }), subject)
    }
  })

  it("refuses queue groups that NATS would", () => {
    assert.isTrue(Result.isSuccess(stream({ ...good, queue: "workers.1" })))
    for (const queue of ["", "a b", "a*", ">", "a\u0007"]) assert.isNotEmpty(refusal({ queue }), queue)
  })

  it("names everything that is missing or too much", () => {
    const decoded = stream({ brokr: "nats://nats:4222" })
    assert(Result.isFailure(decoded))
    for (const path of ["subject", "broker", "brokr"]) assert.include(decoded.failure.message, `["${path}"]`)
  })

  it("has INFO for its log level until it is told another", () => {
    assert.deepStrictEqual(config({}), Result.succeed({ log_level: "INFO" as const }))
    assert.deepStrictEqual(config({ log_level: "DEBUG" }), Result.succeed({ log_level: "DEBUG" as const }))
    for (const log_level of ["info", "LOUD", 3, null]) assert.isTrue(Result.isFailure(config({ log_level })))
  })

  it("knows one broker by one key", () => {
    assert.strictEqual(Parameters.brokerKey("nats://Plant"), "nats://plant:4222")
    assert.strictEqual(Parameters.brokerKey("nats://plant:4222"), "nats://plant:4222")
    assert.strictEqual(Parameters.brokerKey("nats://[::1]"), "nats://[::1]:4222")
    assert.notStrictEqual(Parameters.brokerKey("tls://plant"), Parameters.brokerKey("nats://plant"))
  })

  it("describes every parameter", () => {
    const { config, staticParameters, stream } = NatsConnector.definition
    for (const schema of [config, staticParameters, stream]) {
      assert(schema !== undefined)
      // one cast: parameters are objects
      const { properties } = Schema.toJsonSchemaDocument(schema).schema as {
        properties: Record<string, { description?: string }>
      }
      for (const [name, property] of Object.entries(properties)) assert.isNotEmpty(property.description, name)
    }
  })
})
