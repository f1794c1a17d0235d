/**
 * The flags that say which connector a command is about.
 *
 * @since 0.1.0
 */
import { ConnectorClient, type Endpoint } from "@kps/client"
import * as Flag from "effect/cli/Flag"
import * as Config from "effect/Config"
import type * as Duration from "effect/Duration"
import type * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"

/**
 * Spread into the flags of every command that calls a connector.
 *
 * @category flags
 * @since 0.1.0
 */
export const flags = {
  endpoint: Flag.String("endpoint").pipe(
    Flag.withAlias("e"),
    Flag.withMetavar("HOST:PORT"),
    Flag.withDescription("Where the connector serves its contract; or KPS_ENDPOINT"),
    Flag.withFallbackConfig(Config.String("KPS_ENDPOINT")),
    Flag.withDefault("127.0.0.1:8000")
  ),
  connectorId: Flag.String("connector-id").pipe(
    Flag.withAlias("c"),
    Flag.withMetavar("ID"),
    Flag.withDescription("Id of the connector instance, which every call must name; or CONNECTOR_INSTANCE_ID"),
    Flag.withFallbackConfig(Config.String("CONNECTOR_INSTANCE_ID"))
  ),
  deadline: Flag.String("deadline").pipe(
    Flag.withMetavar("DURATION"),
    Flag.withDescription("How long each call may take, such as \"500 millis\" or \"1 minute\""),
    Flag.withSchema(Schema.DurationFromString),
    Flag.withDefault("10 seconds" as const)
  )
}

/**
 * The client of the connector that the flags name.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: {
  readonly endpoint: string
  readonly connectorId: string
  readonly deadline: Duration.Input
}): Layer.Layer<ConnectorClient.ConnectorClient, Endpoint.InvalidEndpoint> => ConnectorClient.layer(options)
