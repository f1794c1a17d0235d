/** The documented environment of the transport. */
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import type { File, Secret } from "../NatsSecurity.ts"
import type { Options } from "../NatsTransport.ts"
import { InvalidOption, TransportError } from "../TransportError.ts"

const defaultServer = "nats://127.0.0.1:4222"

const variables = Config.all({
  servers: Config.option(Config.String("NATS_BROKER")),
  name: Config.option(Config.String("NATS_NAME")),
  token: Config.option(Config.Redacted("NATS_TOKEN")),
  tokenFile: Config.option(Config.String("NATS_TOKEN_FILE")),
  user: Config.option(Config.String("NATS_USER")),
  password: Config.option(Config.Redacted("NATS_PASSWORD")),
  passwordFile: Config.option(Config.String("NATS_PASSWORD_FILE")),
  nkeySeedFile: Config.option(Config.String("NATS_NKEY_SEED_FILE")),
  credsFile: Config.option(Config.String("NATS_CREDS_FILE")),
  ca: Config.option(Config.String("NATS_TLS_CA")),
  cert: Config.option(Config.String("NATS_TLS_CERT")),
  key: Config.option(Config.String("NATS_TLS_KEY")),
  fastPath: Config.schema(Schema.Literals(["on", "off"]), "KPS_NATS_FAST_PATH").pipe(Config.withDefault("on"))
})

const fileOf = (name: Option.Option<string>): File | undefined =>
  Option.getOrUndefined(Option.map(name, (file) => ({ file })))

/** A secret that a variable holds, or the file that another one names. */
const secretOf = (
  variable: string,
  value: Option.Option<Redacted.Redacted>,
  file: Option.Option<string>
): Effect.Effect<Secret | undefined, TransportError> =>
  Option.isSome(value) && Option.isSome(file)
    ? Effect.fail(
      new TransportError({
        reason: new InvalidOption({ option: variable, problem: `it is given together with "${variable}_FILE"` })
      })
    )
    : Effect.succeed(Option.getOrUndefined(value) ?? fileOf(file))

/** Options from it; a warning where no broker is named. */
export const options: Effect.Effect<Options, TransportError | Config.ConfigError> = Effect.gen(function*() {
  const given = yield* variables
  if (Option.isNone(given.servers)) yield* Effect.logWarning(`NATS_BROKER is not set, using ${defaultServer}`)
  const tls = { ca: fileOf(given.ca), cert: fileOf(given.cert), key: fileOf(given.key) }
  return {
    servers: Option.getOrElse(given.servers, () => defaultServer).split(","),
    name: Option.getOrUndefined(given.name),
    token: yield* secretOf("NATS_TOKEN", given.token, given.tokenFile),
    user: Option.getOrUndefined(given.user),
    password: yield* secretOf("NATS_PASSWORD", given.password, given.passwordFile),
    nkeySeed: fileOf(given.nkeySeedFile),
    creds: fileOf(given.credsFile),
    fastPath: given.fastPath === "on",
    tls: Object.values(tls).some((file) => file !== undefined) ? tls : undefined
  }
})
