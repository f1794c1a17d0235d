/**
 * The flags that say which running connector is asked what it promises: by its contract, or beside its metrics.
 *
 * @since 0.1.0
 */
import * as Flag from "effect/cli/Flag"
import * as Config from "effect/Config"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { BadSelection } from "./CommandError.ts"
import * as Connection from "./Connection.ts"
import * as Guarantees from "./Guarantees.ts"

/**
 * Spread into the flags of such commands.
 *
 * @category flags
 * @since 0.1.0
 */
export const flags = {
  ...Connection.flags,
  connectorId: Flag.String("connector-id").pipe(
    Flag.withAlias("c"),
    Flag.withMetavar("ID"),
    Flag.withDescription("Id of the connector instance that is asked; or CONNECTOR_INSTANCE_ID"),
    Flag.withFallbackConfig(Config.String("CONNECTOR_INSTANCE_ID")),
    Flag.optional
  ),
  http: Flag.String("http").pipe(
    Flag.withMetavar("URL"),
    Flag.withDescription("Where the connector serves its metrics, in place of --endpoint and --connector-id"),
    Flag.optional
  )
}

/**
 * @category models
 * @since 0.1.0
 */
export type Options = Parameters<typeof Connection.tlsOf>[0] & {
  readonly endpoint: string
  readonly deadline: Duration.Input
  readonly connectorId: Option.Option<string>
  readonly http: Option.Option<string>
}

/**
 * The streams of the connector that the flags name; nothing when they name none.
 *
 * @category operations
 * @since 0.1.0
 */
export const streams = Effect.fnUntraced(function*(options: Options) {
  if (Option.isSome(options.http)) return Option.some(yield* Guarantees.fromHttp(options.http.value))
  if (Option.isNone(options.connectorId)) return Option.none()
  const connectorId = options.connectorId.value
  return Option.some(
    yield* Effect.provide(Guarantees.fromConnector(connectorId), Connection.layer({ ...options, connectorId }))
  )
})

/**
 * As `streams`, for a command that cannot do without.
 *
 * @category operations
 * @since 0.1.0
 */
export const required = Effect.fnUntraced(function*(options: Options) {
  const found = yield* streams(options)
  if (Option.isSome(found)) return found.value
  return yield* new BadSelection({ problem: "say which connector: --connector-id ID, or --http URL" })
})
