/**
 * Asks the standard health service (grpc.health.v1) of a connector.
 *
 * @since 0.1.0
 */
import { createClient, type Transport } from "@connectrpc/connect"
import { HealthV1 } from "@kps/idl"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as Call from "./Call.ts"
import type { HealthError } from "./ClientError.ts"

/**
 * Whether a connector, or one of its services, takes calls.
 *
 * **Details**
 *
 * `SERVICE_UNKNOWN`: it has no such service. `UNKNOWN`: it does not know, or says something that this version does not
 * know.
 *
 * @category models
 * @since 0.1.0
 */
export type HealthStatus = "SERVING" | "NOT_SERVING" | "SERVICE_UNKNOWN" | "UNKNOWN"

const names: Readonly<Record<number, HealthStatus>> = {
  [HealthV1.HealthCheckResponse_ServingStatus.SERVING]: "SERVING",
  [HealthV1.HealthCheckResponse_ServingStatus.NOT_SERVING]: "NOT_SERVING",
  [HealthV1.HealthCheckResponse_ServingStatus.SERVICE_UNKNOWN]: "SERVICE_UNKNOWN"
}

const statusOf = (response: HealthV1.HealthCheckResponse): HealthStatus => names[response.status] ?? "UNKNOWN"

/**
 * @category models
 * @since 0.1.0
 */
export interface Health {
  readonly check: (service?: string) => Effect.Effect<HealthStatus, HealthError>
  readonly watch: (service?: string) => Stream.Stream<HealthStatus, HealthError>
}

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = (transport: Transport, target: Omit<Call.Call, "rpc">): Health => {
  const client = createClient(HealthV1.Health, transport)
  const checking: Call.Call = { ...target, rpc: "Check" }
  // a watch has no end
  const watching: Call.Call = { ...target, rpc: "Watch", deadline: Duration.infinity }

  const check = (service = "") =>
    Call.run(checking, (options) => client.check({ service }, options), Call.rejected).pipe(
      Effect.map(statusOf),
      Effect.catchIf(
        // that is how Check says it; Watch says it with a status
        (error) => error._tag === "Rejected" && error.code === "NOT_FOUND",
        () => Effect.succeed<HealthStatus>("SERVICE_UNKNOWN")
      )
    )

  const watch = (service = "") =>
    Stream.unwrap(
      Effect.acquireRelease(
        Effect.sync(() => new AbortController()),
        // to leave the loop over the replies does not end the call
        (controller) => Effect.sync(() => controller.abort())
      ).pipe(
        Effect.map(({ signal }) =>
          Stream.fromAsyncIterable(client.watch({ service }, { signal }), Call.broken(watching))
        )
      )
    ).pipe(Stream.map(statusOf))

  return { check, watch }
}
