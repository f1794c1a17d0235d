import { assert, describe, it } from "@effect/vitest"
import {
  ConnectorClass,
  ConnectorConfig,
  ConnectorInstance,
  ConnectorStream,
  Parameters,
  Violation
} from "@kps/resources"
import { Effect } from "effect"
import { readFileSync } from "node:fs"
import { NatsConnector } from "../src/NatsConnector.ts"

const text = (name: string): string => readFileSync(new URL(`../samples/${name}`, import.meta.url), "utf8")
const json = (name: string): unknown => JSON.parse(text(name))

const fromCode = ConnectorClass.fromDefinition(NatsConnector, { template: text("connector.yaml") })

describe("samples", () => {
  it.effect("class.json is the class that the code makes: run \"pnpm manifests\"", () =>
    Effect.gen(function*() {
      assert.strictEqual(text("class.json"), yield* ConnectorClass.format(yield* fromCode))
      assert.strictEqual(text("../../../samples/nats/class.json"), text("class.json"))
    }))

  it.effect("the parameters of instance, streams and config fit the class", () =>
    Effect.gen(function*() {
      const connectorClass = yield* fromCode
      const instance = yield* ConnectorInstance.decode(json("instance.json"))
      const config = yield* ConnectorConfig.decode(json("config.json"))
      const streams = yield* Effect.forEach([
        "stream-in.json",
        "stream-out.json",
        "stream-in-jetstream.json",
        "stream-out-jetstream.json"
      ], (name) => ConnectorStream.decode(json(name)))

      assert.deepStrictEqual(
        [
          ...ConnectorInstance.check(instance, { connectorClass }),
          ...Parameters.check(connectorClass.configParameterSchema, config.config, "config"),
          ...streams.flatMap(({ stream }) => Parameters.check(connectorClass.streamParameterSchema, stream, "stream"))
        ].map(Violation.text),
        []
      )
    }))

  it.effect("the streams are the documented one and its egress twin", () =>
    Effect.gen(function*() {
      const ingress = yield* ConnectorStream.decode(json("stream-in.json"))
      const egress = yield* ConnectorStream.decode(json("stream-out.json"))

      assert.strictEqual(ingress.name, "natsconnectorstream-in")
      assert.strictEqual(ingress.direction, "INGRESS")
      assert.strictEqual(egress.direction, "EGRESS")
      assert.strictEqual(egress.connectorInstanceID, ingress.connectorInstanceID)
    }))
})
