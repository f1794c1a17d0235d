/**
 * The standard health service, for the server as a whole ("") and for the contract's service.
 *
 * @since 0.1.0
 */
import { Code, ConnectError, type ConnectRouter } from "@connectrpc/connect"
import { ConnectorService, HealthV1 } from "@kps/idl"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { Health, Phase } from "./Health.ts"
import { aborted } from "./internal/signal.ts"
import { quote } from "./internal/text.ts"

const Serving = HealthV1.HealthCheckResponse_ServingStatus

const services: ReadonlyArray<string> = ["", ConnectorService.typeName]

const statusOf = (phase: Phase) => ({ status: phase === "Serving" ? Serving.SERVING : Serving.NOT_SERVING })

/**
 * Adds Check, Watch and List.
 *
 * **Details**
 *
 * Check of a service that is not known is NOT_FOUND; Watch of one says SERVICE_UNKNOWN and stays open. A Watch sends
 * what is, then each change, and ends when the server stops.
 *
 * @category constructors
 * @since 0.1.0
 */
export const routes = (health: Health) => (router: ConnectRouter): ConnectRouter => {
  const current = () => Effect.runSync(health.phase)

  return router.service(HealthV1.Health, {
    check: ({ service }) => {
      if (!services.includes(service)) throw new ConnectError(`no service ${quote(service)}`, Code.NotFound)
      return statusOf(current())
    },
    list: () => ({ statuses: Object.fromEntries(services.map((service) => [service, statusOf(current())])) }),
    watch: ({ service }, { signal }) => {
      const statuses = health.changes.pipe(
        Stream.takeWhile((phase) => phase !== "Stopped"),
        Stream.map((phase) => services.includes(service) ? statusOf(phase) : { status: Serving.SERVICE_UNKNOWN }),
        Stream.changesWith((a, b) => a.status === b.status),
        Stream.interruptWhen(aborted(signal))
      )
      return Stream.toAsyncIterableWith(statuses, Context.empty())
    }
  })
}
