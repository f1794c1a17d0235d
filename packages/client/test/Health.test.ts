import { Code, ConnectError } from "@connectrpc/connect"
import { assert, describe, it } from "@effect/vitest"
import { ConnectorClient } from "@kps/client"
import { HealthV1 } from "@kps/idl"
import { Deferred, Effect, Stream } from "effect"
import { doors, fields, routes } from "./TestConnector.ts"

const { ConnectorClient: Client } = ConnectorClient
const { HealthCheckResponse_ServingStatus: Serving } = HealthV1

for (const door of doors) {
  describe(`Health ${door.name}`, () => {
    const checking = (check: (service: string) => HealthV1.HealthCheckResponse_ServingStatus) =>
      Client.use((client) => Effect.all([client.health(), client.health("connector.v1.ConnectorService")])).pipe(
        Effect.provide(
          door.layer((router) =>
            router.service(HealthV1.Health, { check: ({ service }) => ({ status: check(service) }) })
          )
        )
      )

    it.effect("asks for the whole, or for one service", () =>
      Effect.gen(function*() {
        const statuses = yield* checking((service) => service === "" ? Serving.SERVING : Serving.NOT_SERVING)

        assert.deepStrictEqual(statuses, ["SERVING", "NOT_SERVING"])
      }))

    it.effect("knows a service that is not there, and a status that it does not know", () =>
      Effect.gen(function*() {
        const statuses = yield* checking((service) => {
          // the types allow such a status only as it was read
          if (service === "") return 99 as HealthV1.HealthCheckResponse_ServingStatus
          throw new ConnectError("no such service", Code.NotFound)
        })

        assert.deepStrictEqual(statuses, ["UNKNOWN", "SERVICE_UNKNOWN"])
      }))

    it.effect("fails with UNIMPLEMENTED for a connector without the health service", () =>
      Effect.gen(function*() {
        const [check, watch] = yield* Client.use((client) =>
          Effect.all([Effect.flip(client.health()), Effect.flip(Stream.runDrain(client.watchHealth()))])
        ).pipe(Effect.provide(door.layer(routes({}))))

        assert.deepInclude(fields(check), { _tag: "Rejected", rpc: "Check", code: "UNIMPLEMENTED" })
        assert.deepInclude(fields(watch), { _tag: "Rejected", rpc: "Watch", code: "UNIMPLEMENTED" })
      }))

    it.effect("watches the changes, and ends the call when nobody looks any more", () =>
      Effect.gen(function*() {
        const ended = yield* Deferred.make<void>()
        const seen = yield* Client.use((client) =>
          client.watchHealth().pipe(Stream.take(2), Stream.runCollect, Effect.tap(Deferred.await(ended)))
        ).pipe(Effect.provide(door.layer((router) =>
          router.service(HealthV1.Health, {
            async *watch(_, { signal }) {
              signal.addEventListener("abort", () => Deferred.doneUnsafe(ended, Effect.void))
              yield { status: Serving.NOT_SERVING }
              yield { status: Serving.SERVING }
              await new Promise(() => {})
            }
          })
        )))

        assert.deepStrictEqual(seen, ["NOT_SERVING", "SERVING"])
      }))

    it.effect("ends with the watch that the connector ends, and fails with one that breaks", () =>
      Effect.gen(function*() {
        const [seen, error] = yield* Client.use((client) =>
          Effect.all([
            Stream.runCollect(client.watchHealth("ends")),
            Effect.flip(Stream.runDrain(client.watchHealth("breaks")))
          ])
        ).pipe(Effect.provide(door.layer((router) =>
          router.service(HealthV1.Health, {
            async *watch({ service }) {
              yield { status: Serving.SERVING }
              if (service === "breaks") throw new ConnectError("going away", Code.Unavailable)
            }
          })
        )))

        assert.deepStrictEqual(seen, ["SERVING"])
        assert.deepInclude(fields(error), { _tag: "Rejected", rpc: "Watch", code: "UNAVAILABLE", text: "going away" })
      }))
  })
}
