/**
 * Who may use the REST API: accounts that log in, and the tokens they get.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import { createHmac, timingSafeEqual } from "node:crypto"

/**
 * Somebody who may do everything.
 *
 * @category models
 * @since 0.1.0
 */
export interface Account {
  readonly email: string
  readonly password: Redacted.Redacted
  /** Default: the email. */
  readonly name?: string
}

/**
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /**
   * A token that is always good, for tools. What tokens of logins are signed with is made from it and the password of the
   * account, so that they are good in every process with the same ones, and after a restart. At least 16 characters.
   */
  readonly token: Redacted.Redacted
  /** Who may log in. The tokens of one that is removed or gets another password are good no more. Default: nobody. */
  readonly accounts?: ReadonlyArray<Account>
  /** How long the token of a login is good. Default: 24 hours. */
  readonly timeToLive?: Duration.Input
}

/**
 * What a login gives.
 *
 * @category models
 * @since 0.1.0
 */
export interface Session {
  readonly token: string
  readonly _id: string
  readonly name: string
  readonly email: string
}

/**
 * Service that knows tokens.
 *
 * @category services
 * @since 0.1.0
 */
export class Access extends Context.Service<Access, {
  /** None when there is no such account, or it has another password. */
  readonly login: (email: string, password: Redacted.Redacted) => Effect.Effect<Option.Option<Session>>
  /** Whether a token is good. */
  readonly allows: (token: Redacted.Redacted) => Effect.Effect<boolean>
}>()("@kps/service-domain/rest/Access") {}

const digest = (key: string, text: string): Buffer => createHmac("sha256", key).update(text).digest()

/** In the same time, however much of them is equal. */
const equals = (a: string, b: string): boolean => timingSafeEqual(digest("kps", a), digest("kps", b))

const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url")

/** What the token of a login says: whose it is, and until when it is good, in seconds since the Unix epoch. */
const Claims = Schema.fromJsonString(Schema.Struct({ sub: Schema.String, exp: Schema.Number }))

const claimsOf = (payload: string) => Schema.decodeOption(Claims)(Buffer.from(payload, "base64url").toString())

/**
 * Layer with accounts and a token that are given. The tokens of logins are JSON Web Tokens (HS256); nothing is kept of
 * them.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: Options): Layer.Layer<Access> =>
  Layer.sync(Access, () => {
    const { accounts = [], timeToLive = "24 hours" } = options
    const secret = Redacted.value(options.token)
    const find = (email: string) => accounts.find((account) => account.email === email)
    const sign = (text: string, { password }: Account) =>
      digest(`login ${secret} ${Redacted.value(password)}`, text).toString("base64url")
    const header = encode({ alg: "HS256", typ: "JWT" })

    return {
      login: (email, password) =>
        Effect.map(Clock.currentTimeMillis, (now) => {
          const account = find(email)
          // compared in any case: who has an account is not told by the time it takes
          const isRight = equals(Redacted.value(account?.password ?? options.token), Redacted.value(password))
          if (account === undefined || !isRight) return Option.none()
          const exp = Math.floor((now + Duration.toMillis(timeToLive)) / 1_000)
          const body = `${header}.${encode({ sub: email, exp })}`
          return Option.some({
            token: `${body}.${sign(body, account)}`,
            _id: email,
            name: account.name ?? email,
            email
          })
        }),
      allows: (token) =>
        Effect.map(Clock.currentTimeMillis, (now) => {
          const text = Redacted.value(token)
          if (equals(text, secret)) return true
          const [head = "", payload = "", signature = ""] = text.split(".")
          return Option.exists(claimsOf(payload), ({ exp, sub }) => {
            const account = find(sub)
            return account !== undefined && equals(signature, sign(`${head}.${payload}`, account)) && exp * 1_000 > now
          })
        })
    }
  })
