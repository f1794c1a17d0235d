import { assert, describe, it } from "@effect/vitest"
import { ConnectorConfig, ConnectorInstance, ConnectorStream, Violation } from "@kps/resources"
import { Effect } from "effect"
import * as Good from "./documents.ts"

const named = {
  classes: [
    { id: "c-1", name: "natsconnector" },
    { id: "c-2", name: "plc" },
    { id: "c-3", name: "plc" }
  ],
  projects: [{ id: "p-1", name: "NatsConnectorProject" }],
  // a name that is another's id
  instances: [{ id: "i-1", name: "i-2" }, { id: "i-2", name: "natsconnector" }, { name: "not stored yet" }],
  categories: [{ id: "cat-1", name: "Data Type" }],
  serviceDomains: [{ id: "sd-1", name: "plant-1" }, { id: "sd-2", name: "plant-2" }]
}

const refused = <A>(effect: Effect.Effect<A, { readonly violations: ReadonlyArray<Violation.Violation> }>) =>
  Effect.map(Effect.flip(effect), ({ violations }) => violations.map(Violation.text))

describe("names in the place of ids", () => {
  it.effect("become ids; ids and everything else stay as they are", () =>
    Effect.gen(function*() {
      const instance = yield* ConnectorInstance.decode({
        ...Good.instance,
        connectorClassID: "natsconnector",
        projectId: "p-1",
        more: 1
      })
      assert.deepStrictEqual(
        yield* ConnectorInstance.encode(yield* ConnectorInstance.resolveNames(instance, named)),
        { ...Good.instance, connectorClassID: "c-1", projectId: "p-1", more: 1 }
      )

      const placed = {
        serviceDomainIds: ["plant-1", "sd-2"],
        excludeServiceDomainIds: ["plant-2"],
        serviceDomainSelectors: [{ id: "Data Type", value: "nats" }]
      }
      const found = {
        serviceDomainIds: ["sd-1", "sd-2"],
        excludeServiceDomainIds: ["sd-2"],
        serviceDomainSelectors: [{ id: "cat-1", value: "nats" }]
      }
      const stream = yield* ConnectorStream.decode({
        ...Good.ingress,
        ...placed,
        connectorInstanceID: "natsconnector",
        labels: [{ id: "Data Type", value: "nats" }, { id: "cat-1", value: "mqtt" }]
      })
      assert.deepStrictEqual(yield* ConnectorStream.encode(yield* ConnectorStream.resolveNames(stream, named)), {
        ...Good.ingress,
        ...found,
        connectorInstanceID: "i-2",
        labels: [{ id: "cat-1", value: "nats" }, { id: "cat-1", value: "mqtt" }]
      })

      const config = yield* ConnectorConfig.decode({ ...Good.config, ...placed, connectorInstanceID: "i-2" })
      assert.deepStrictEqual(yield* ConnectorConfig.encode(yield* ConnectorConfig.resolveNames(config, named)), {
        ...Good.config,
        ...found,
        connectorInstanceID: "i-2"
      })
      const { serviceDomainIds: _, ...rest } = Good.egress
      const bare = yield* ConnectorStream.decode({ ...rest, connectorInstanceID: "i-1" })
      assert.deepStrictEqual(yield* ConnectorStream.resolveNames(bare, named), bare)
    }))

  it.effect("are refused where they mean nothing, or more than one", () =>
    Effect.gen(function*() {
      const instance = yield* ConnectorInstance.decode({ ...Good.instance, connectorClassID: "plc", projectId: "x" })
      assert.deepStrictEqual(yield* refused(ConnectorInstance.resolveNames(instance, named)), [
        "connectorClassID: expected the id of a connector class, as 2 have that name (\"c-2\", \"c-3\"), got \"plc\"",
        "projectId: expected the id or the name of a project (known: \"NatsConnectorProject\"), got \"x\""
      ])
      const stream = yield* ConnectorStream.decode({
        ...Good.ingress,
        connectorInstanceID: "not stored yet",
        serviceDomainIds: ["plant-1", "plant-3"]
      })
      assert.deepStrictEqual(yield* refused(ConnectorStream.resolveNames(stream, named)), [
        "connectorInstanceID: expected the id or the name of a connector instance (known: \"i-2\", \"natsconnector\", \"not stored yet\"), got \"not stored yet\"",
        "labels[0].id: expected the id or the name of a category (known: \"Data Type\"), got \"412c01ae-7fa9-442e-b102-1964c7788214\"",
        "serviceDomainIds[1]: expected the id or the name of a service domain (known: \"plant-1\", \"plant-2\"), got \"plant-3\""
      ])
    }))
})
