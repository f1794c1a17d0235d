/**
 * The credentials for the outside brokers, by broker.
 *
 * The contract carries stream parameters in the clear, so credentials are not among them: they are in a file, such as a
 * mounted Kubernetes secret. Each broker gets only its own, whichever address a stream may name.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import { readFile } from "node:fs/promises"
import { CredentialsUnreadable } from "./BrokerError.ts"
import { brokerKey, BrokerUrl } from "./Parameters.ts"

const Secret = Schema.RedactedFromValue(Schema.NonEmptyString)

/** What one broker is shown. */
export const BrokerCredentials = Schema.Union([
  Schema.Struct({ user: Schema.NonEmptyString, password: Secret }),
  Schema.Struct({ token: Secret })
])

export type BrokerCredentials = typeof BrokerCredentials.Type

const File = Schema.fromJsonString(Schema.Record(BrokerUrl, BrokerCredentials))
const decode = Schema.decodeUnknownResult(File, { onExcessProperty: "error" })

export class Credentials extends Context.Service<Credentials, {
  /** Read anew each time, so that an operator can mend the file while streams wait for it. */
  readonly of: (broker: string) => Effect.Effect<Option.Option<BrokerCredentials>, CredentialsUnreadable>
}>()("nats-connector/Credentials") {}

/** No broker gets any. */
export const layerNone: Layer.Layer<Credentials> = Layer.succeed(Credentials, {
  of: () => Effect.succeedNone
})

/**
 * Credentials in a JSON file: `{ "nats://host:4222": { "user": "…", "password": "…" }, "tls://other": { "token": "…" } }`.
 *
 * Fails when the file cannot be used already when the layer is built.
 */
export const layerFile = (file: string): Layer.Layer<Credentials, CredentialsUnreadable> =>
  Layer.effect(
    Credentials,
    Effect.gen(function*() {
      const read = Effect.gen(function*() {
        const text = yield* Effect.tryPromise({
          try: () => readFile(file, "utf8"),
          catch: (cause) => new CredentialsUnreadable({ file, problem: code(cause) })
        })
        const decoded = decode(text)
        if (decoded._tag === "Failure") {
          return yield* new CredentialsUnreadable({ file, problem: shape })
        }
        return new Map(Object.entries(decoded.success).map(([url, credentials]) => [brokerKey(url), credentials]))
      })
      yield* read
      return { of: (broker) => Effect.map(read, (known) => Option.fromNullishOr(known.get(brokerKey(broker)))) }
    })
  )

/** The decoder's own text could quote the file. */
const shape =
  "want a JSON object with a broker address for each key, and { \"user\", \"password\" } or { \"token\" } for each value"

const code = (cause: unknown): string =>
  typeof cause === "object" && cause !== null && "code" in cause ? String(cause.code) : String(cause)

/** The part of the client's options that shows them. */
export const toOptions = (
  credentials: Option.Option<BrokerCredentials>
): { readonly user?: string; readonly pass?: string; readonly token?: string } =>
  Option.match(credentials, {
    onNone: () => ({}),
    onSome: (known) =>
      "token" in known
        ? { token: Redacted.value(known.token) }
        : { user: known.user, pass: Redacted.value(known.password) }
  })
