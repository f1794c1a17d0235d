/**
 * The flags that say which connector a command is about.
 *
 * @since 0.1.0
 */
import { ConnectorClient, type Endpoint, type Tls } from "@kps/client"
import * as Flag from "effect/cli/Flag"
import * as Config from "effect/Config"
import type * as Duration from "effect/Duration"
import type * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"

const tlsFile = (name: string, variable: string, description: string): Flag.Flag<Option.Option<string>> =>
  Flag.String(`tls-${name}`).pipe(
    Flag.withMetavar("FILE"),
    Flag.withDescription(`${description}; or ${variable}`),
    Flag.withFallbackConfig(Config.String(variable)),
    Flag.optional
  )

/**
 * The flags of TLS alone.
 *
 * @category flags
 * @since 0.1.0
 */
export const tlsFlags = {
  tls: Flag.Boolean("tls").pipe(
    Flag.withDescription("Speak TLS; each of the other --tls flags means it too; or KPS_TLS=true"),
    Flag.withFallbackConfig(Config.Boolean("KPS_TLS")),
    Flag.withDefault(false)
  ),
  tlsCa: tlsFile(
    "ca",
    "KPS_CA",
    "Authorities of the connector's certificate, in PEM; without it those that Node knows"
  ),
  tlsCert: tlsFile("cert", "KPS_CLIENT_CERT", "Certificate for a connector that asks for one, in PEM"),
  tlsKey: tlsFile("key", "KPS_CLIENT_KEY", "Private key of that certificate, in PEM without a passphrase"),
  tlsServerName: Flag.String("tls-server-name").pipe(
    Flag.withMetavar("NAME"),
    Flag.withDescription(
      "Name that the connector's certificate must have, in place of the endpoint's host; or KPS_SERVER_NAME"
    ),
    Flag.withFallbackConfig(Config.String("KPS_SERVER_NAME")),
    Flag.optional
  )
}

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
  ),
  ...tlsFlags
}

/**
 * What the flags of TLS say: nothing when it is not asked for.
 *
 * @category options
 * @since 0.1.0
 */
export const tlsOf = ({ tls, tlsCa, tlsCert, tlsKey, tlsServerName }: {
  readonly tls: boolean
  readonly tlsCa: Option.Option<string>
  readonly tlsCert: Option.Option<string>
  readonly tlsKey: Option.Option<string>
  readonly tlsServerName: Option.Option<string>
}): Tls.Options | undefined =>
  tls || [tlsCa, tlsCert, tlsKey, tlsServerName].some(Option.isSome)
    ? {
      ca: Option.getOrUndefined(tlsCa),
      cert: Option.getOrUndefined(tlsCert),
      key: Option.getOrUndefined(tlsKey),
      serverName: Option.getOrUndefined(tlsServerName)
    }
    : undefined

/**
 * The client of the connector that the flags name.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (
  options: Parameters<typeof tlsOf>[0] & {
    readonly endpoint: string
    readonly connectorId: string
    readonly deadline: Duration.Input
  }
): Layer.Layer<ConnectorClient.ConnectorClient, Endpoint.InvalidEndpoint | Tls.InvalidTls> => {
  const { connectorId, deadline, endpoint } = options
  return ConnectorClient.layer({ connectorId, deadline, endpoint, tls: tlsOf(options) })
}
