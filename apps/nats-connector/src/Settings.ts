/**
 * What the process is started with: flags, then the environment.
 *
 * `node:util` parses the flags; a CLI library would double the time to ready.
 */
import { type ConnectorServer, type SharedState, StreamDelivery, StreamPacking } from "@kps/server"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { isAbsolute } from "node:path"
import { parseArgs } from "node:util"

export interface Settings {
  readonly connectorId: string
  readonly host: string
  /** 0 takes a free one. */
  readonly port: number
  /** Paths, or PEM. Default: none, plain text. */
  readonly tls?: ConnectorServer.TlsOptions | undefined
  readonly errors: "inBand" | "grpc"
  readonly setPayload: "perKind" | "replaceAll"
  /** The folder that the secrets for outside brokers are mounted under. */
  readonly secretsFolder: string
  /** Where metrics and probes are served. Default: nowhere. */
  readonly metrics?: { readonly host: string; readonly port: number } | undefined
  /** The push gateway for the original's counters. */
  readonly pushGateway: string | undefined
  /** Whether the environment asks for OTLP. Default: false. */
  readonly telemetry?: boolean
  /** Whether clients can ask for the contract. Default: true. */
  readonly reflection?: boolean
  /** Where it is kept what replicas share. Default: in this process. */
  readonly state?: Omit<SharedState.Options, "connectorId">
  /** Which ingress streams pack. Default: none. */
  readonly packing?: StreamPacking.Options | undefined
  /** What becomes of what cannot be delivered. Default: in order, and tried for 60 seconds. */
  readonly delivery?: StreamDelivery.Options | undefined
}

export type Command =
  | { readonly _tag: "Run"; readonly settings: Settings }
  | { readonly _tag: "Help" }
  | { readonly _tag: "Version" }

/** The process was started wrongly: exit code 2. */
export class UsageError extends Schema.TaggedError<UsageError>()("UsageError", { problem: Schema.String }) {
  override get message(): string {
    return this.problem
  }
}

const secretsFolder = "/var/run/secrets/kps"

export const help = `Moves messages between NATS subjects and data pipelines.

Usage: nats-connector --connectorInstanceID ID [--host ADDRESS] [--port PORT]

Flags (a single dash does as well):
  --connectorInstanceID ID   id of the connector instance; default: CONNECTOR_INSTANCE_ID
  --host ADDRESS             address to serve gRPC on; default: KPS_LISTEN_HOST, or 0.0.0.0
  --port PORT                port to serve gRPC on, 0 for a free one; default: KPS_LISTEN_PORT, or 8000
  --tls-cert FILE            certificate to serve with, in PEM; default: KPS_TLS_CERT, or plain text
  --tls-key FILE             its private key, in PEM without a passphrase; default: KPS_TLS_KEY
  --tls-client-ca FILE       authorities of clients, each of which then has to show a certificate; default:
                             KPS_TLS_CLIENT_CA
  --metrics-port PORT        port to serve /metrics, /livez and /readyz on, 0 for a free one; default: not served
  --metrics-host ADDRESS     address to serve them on; default: that of --host
  --help                     print this
  --version                  print the version

Environment:
  CONNECTOR_INSTANCE_ID      id of the connector instance, where no flag gives it
  NATS_BROKER                NATS servers of the data pipelines; default: nats://127.0.0.1:4222
  NATS_NAME                  name of the connection to them
  NATS_TOKEN, NATS_USER, NATS_PASSWORD
                             credentials for them
  NATS_TOKEN_FILE, NATS_PASSWORD_FILE, NATS_NKEY_SEED_FILE, NATS_CREDS_FILE
                             files with them, read anew for each connection
  NATS_TLS_CA, NATS_TLS_CERT, NATS_TLS_KEY
                             files for TLS with them; one of these makes TLS a must
  KPS_TRANSPORT              core (default): the channels are core NATS, at most once; or jetstream: at least once
  NATS_JS_REPLICAS, NATS_JS_STORAGE, NATS_JS_MAX_AGE, NATS_JS_MAX_BYTES, NATS_JS_MAX_MESSAGES, NATS_JS_DISCARD,
  NATS_JS_DUPLICATE_WINDOW, NATS_JS_ON_DIFFERENCE
                             with KPS_TRANSPORT=jetstream: what the stream of a channel is made and compared with
  NATS_JS_ACK_WAIT, NATS_JS_MAX_ACK_PENDING
                             and how long, and how many messages, the readers of a channel may hold
  KPS_SECRETS_DIR            folder with the secrets that streams name; default: ${secretsFolder}
  KPS_TLS_CERT, KPS_TLS_KEY, KPS_TLS_CLIENT_CA
                             as the flags, where those are not given; paths, or PEM
  KPS_ERRORS                 inBand (default) or grpc: how errors reach the caller
  KPS_SET_PAYLOAD            perKind (default) or replaceAll: what a SetPayload replaces
  KPS_REFLECTION             on (default) or off: gRPC server reflection
  KPS_PACKING                off (default), on, or limits, also for single streams: many payloads in one message,
                             such as on;line-1:off or line-1:maxBytes=16384,maxPayloads=64
  KPS_DELIVERY               strict (default) or none: whether others pass what cannot be delivered; and horizon=SECONDS
                             (default 60) until it is a dead letter; from=all (default) or from=new: where a new stream of a
                             channel in JetStream begins; also for single streams, such as strict;line-1:none
  KPS_STATE                  memory (default), or jetstream: what was asked for is kept, and shared by replicas
  KPS_STATE_REPLICAS         1 (default), 3 or 5: how many servers of a cluster keep it
  KPS_STATE_PREFIX           what the names of its buckets begin with; default: kps
  KPS_LEASE_TTL              seconds that a replica that died keeps its streams; default: 10
  KPS_DLQ_MAX_AGE            with KPS_STATE=jetstream, hours that dead letters are kept; default: 168
  KPS_DLQ_MAX_BYTES          and bytes of them; default: 268435456
  KPS_METRICS_PORT           as --metrics-port, where that is not given
  PUSH_GW                    Prometheus push gateway for the two counters of the original SDK
  OTEL_EXPORTER_OTLP_ENDPOINT and the like
                             OpenTelemetry: where traces, metrics and logs are exported to
`

const cut = (value: string): string => `"${value.length > 200 ? `${value.slice(0, 200)}…` : value}"`

const usage = (problem: string) => Result.fail(new UsageError({ problem }))

/** Go's flag package, and so the original, takes `-name` for `--name`. */
const doubled = (arg: string): string => /^-[A-Za-z]{2}/.test(arg) ? `-${arg}` : arg

const flags = {
  connectorInstanceID: { type: "string" },
  host: { type: "string" },
  port: { type: "string" },
  "metrics-port": { type: "string" },
  "metrics-host": { type: "string" },
  "tls-cert": { type: "string" },
  "tls-key": { type: "string" },
  "tls-client-ca": { type: "string" },
  help: { type: "boolean", short: "h" },
  version: { type: "boolean" }
} as const

/** Reads the flags and the environment; an empty variable counts as absent. */
export const parse = (
  args: ReadonlyArray<string>,
  env: Readonly<Record<string, string | undefined>>
): Result.Result<Command, UsageError> => {
  const { positionals, tokens, values } = parseArgs({
    args: args.map(doubled),
    options: flags,
    strict: false,
    tokens: true
  })
  for (const token of tokens) {
    if (token.kind !== "option") continue
    const known = Object.hasOwn(flags, token.name) ? flags[token.name as keyof typeof flags] : undefined
    if (known === undefined) return usage(`unknown flag ${cut(token.rawName)}`)
    const flagForValue = token.inlineValue === false && token.value.startsWith("-")
    if (known.type === "string" && ((token.value ?? "") === "" || flagForValue)) {
      return usage(`flag --${token.name} needs a value`)
    }
    if (known.type === "boolean" && token.value !== undefined) return usage(`flag --${token.name} takes no value`)
  }
  if (values.help === true) return Result.succeed({ _tag: "Help" })
  if (values.version === true) return Result.succeed({ _tag: "Version" })
  if (positionals[0] !== undefined) return usage(`unexpected argument ${cut(positionals[0])}`)

  const variable = (name: string): string | undefined => env[name] === "" ? undefined : env[name]
  const flag = (value: string | boolean | undefined): string | undefined =>
    typeof value === "string" ? value : undefined

  const connectorId = flag(values.connectorInstanceID) ?? variable("CONNECTOR_INSTANCE_ID")
  if (connectorId === undefined) {
    return usage("no connector instance id: set CONNECTOR_INSTANCE_ID or give --connectorInstanceID")
  }
  const portFlag = flag(values.port)
  const portName = portFlag === undefined ? "KPS_LISTEN_PORT" : "flag --port"
  const port = portOf(portName, portFlag ?? variable("KPS_LISTEN_PORT") ?? "8000")
  if (Result.isFailure(port)) return Result.fail(port.failure)
  const hostFlag = flag(values.host)
  const host = hostFlag ?? variable("KPS_LISTEN_HOST") ?? "0.0.0.0"
  const metricsHost = flag(values["metrics-host"]) ?? host
  const hostName = hostFlag === undefined ? "KPS_LISTEN_HOST" : "flag --host"
  for (const [name, value] of [[hostName, host], ["flag --metrics-host", metricsHost]] as const) {
    if (/[\s/]/.test(value)) return usage(`${name} is ${cut(value)}: want an address or a host name`)
  }
  const metricsFlag = flag(values["metrics-port"])
  const metricsText = metricsFlag ?? variable("KPS_METRICS_PORT")
  const metricsName = metricsFlag === undefined ? "KPS_METRICS_PORT" : "flag --metrics-port"
  const metricsPort = metricsText === undefined ? Result.succeed(undefined) : portOf(metricsName, metricsText)
  if (Result.isFailure(metricsPort)) return Result.fail(metricsPort.failure)

  const cert = flag(values["tls-cert"]) ?? variable("KPS_TLS_CERT")
  const key = flag(values["tls-key"]) ?? variable("KPS_TLS_KEY")
  const clientCa = flag(values["tls-client-ca"]) ?? variable("KPS_TLS_CLIENT_CA")
  // Not in the clear where TLS was meant.
  if (cert === undefined && (key ?? clientCa) !== undefined) {
    return usage("TLS needs a certificate: set KPS_TLS_CERT or give --tls-cert")
  }
  if (key === undefined && cert !== undefined) return usage("TLS needs a key: set KPS_TLS_KEY or give --tls-key")

  const errors = oneOf("KPS_ERRORS", variable("KPS_ERRORS"), ["inBand", "grpc"])
  if (Result.isFailure(errors)) return Result.fail(errors.failure)
  const setPayload = oneOf("KPS_SET_PAYLOAD", variable("KPS_SET_PAYLOAD"), ["perKind", "replaceAll"])
  if (Result.isFailure(setPayload)) return Result.fail(setPayload.failure)
  const reflection = oneOf("KPS_REFLECTION", variable("KPS_REFLECTION"), ["on", "off"])
  if (Result.isFailure(reflection)) return Result.fail(reflection.failure)
  const packing = StreamPacking.parse(variable("KPS_PACKING") ?? "off")
  if (Result.isFailure(packing)) return usage(`KPS_PACKING: ${packing.failure}`)
  const delivery = StreamDelivery.parse(variable("KPS_DELIVERY") ?? "strict")
  if (Result.isFailure(delivery)) return usage(`KPS_DELIVERY: ${delivery.failure}`)
  const state = stateOf(variable)
  if (Result.isFailure(state)) return Result.fail(state.failure)
  const telemetry = variable("OTEL_SDK_DISABLED")?.toLowerCase() !== "true" &&
    ["", "TRACES_", "METRICS_", "LOGS_"].some((one) => variable(`OTEL_EXPORTER_OTLP_${one}ENDPOINT`) !== undefined)

  const secrets = variable("KPS_SECRETS_DIR") ?? secretsFolder
  if (!isAbsolute(secrets)) return usage(`KPS_SECRETS_DIR is ${cut(secrets)}: want an absolute path`)

  return Result.succeed({
    _tag: "Run",
    settings: {
      connectorId,
      host,
      port: port.success,
      tls: cert === undefined || key === undefined ? undefined : { cert, key: Redacted.make(key), clientCa },
      errors: errors.success,
      setPayload: setPayload.success,
      secretsFolder: secrets,
      metrics: metricsPort.success === undefined ? undefined : { host: metricsHost, port: metricsPort.success },
      pushGateway: variable("PUSH_GW"),
      telemetry,
      state: state.success,
      reflection: reflection.success === "on",
      packing: packing.success,
      delivery: delivery.success
    }
  })
}

const stateOf = (
  variable: (name: string) => string | undefined
): Result.Result<Omit<SharedState.Options, "connectorId">, UsageError> => {
  const state = oneOf("KPS_STATE", variable("KPS_STATE"), ["memory", "jetstream"])
  if (Result.isFailure(state)) return Result.fail(state.failure)
  const replicas = oneOf("KPS_STATE_REPLICAS", variable("KPS_STATE_REPLICAS"), ["1", "3", "5"])
  if (Result.isFailure(replicas)) return Result.fail(replicas.failure)
  const prefix = variable("KPS_STATE_PREFIX") ?? "kps"
  if (!/^[-\w]{1,64}$/.test(prefix)) {
    return usage(`KPS_STATE_PREFIX is ${cut(prefix)}: want up to 64 letters, digits, "-" and "_"`)
  }
  const seconds = variable("KPS_LEASE_TTL") ?? "10"
  if (!/^[0-9]{1,3}$/.test(seconds) || Number(seconds) < 1 || Number(seconds) > 600) {
    return usage(`KPS_LEASE_TTL is ${cut(seconds)}: want a number of seconds from 1 to 600`)
  }
  const timeToLive = `${Number(seconds)} seconds` as const
  const hours = wholeOf("KPS_DLQ_MAX_AGE", variable("KPS_DLQ_MAX_AGE") ?? "168", 1, 8_760)
  if (Result.isFailure(hours)) return Result.fail(hours.failure)
  const maxBytes = wholeOf("KPS_DLQ_MAX_BYTES", variable("KPS_DLQ_MAX_BYTES") ?? "268435456", 2 ** 20, 2 ** 40)
  if (Result.isFailure(maxBytes)) return Result.fail(maxBytes.failure)
  const deadLetters = { maxAge: `${hours.success} hours` as const, maxBytes: maxBytes.success }
  return Result.succeed({ state: state.success, replicas: Number(replicas.success), prefix, timeToLive, deadLetters })
}

const wholeOf = (name: string, value: string, least: number, most: number): Result.Result<number, UsageError> =>
  /^[0-9]{1,15}$/.test(value) && Number(value) >= least && Number(value) <= most
    ? Result.succeed(Number(value))
    : usage(`${name} is ${cut(value)}: want a number from ${least} to ${most}`)

const portOf = (name: string, value: string): Result.Result<number, UsageError> =>
  /^[0-9]{1,5}$/.test(value) && Number(value) <= 65_535
    ? Result.succeed(Number(value))
    : usage(`${name} is ${cut(value)}: want a number from 0 to 65535`)

/** One of the values, the first where none is given. */
const oneOf = <const A extends string>(
  name: string,
  value: string | undefined,
  values: readonly [A, ...Array<A>]
): Result.Result<A, UsageError> => {
  const found = values.find((known) => known === (value ?? values[0]))
  return found === undefined
    ? usage(`${name} is ${cut(value ?? "")}: want ${values.map((known) => `"${known}"`).join(" or ")}`)
    : Result.succeed(found)
}
