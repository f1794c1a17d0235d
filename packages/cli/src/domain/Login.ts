/**
 * A token for a service domain.
 *
 * @since 0.1.0
 */
import { Api } from "@kps/service-domain/Api"
import * as Effect from "effect/Effect"
import * as HttpApiClient from "effect/http-api/HttpApiClient"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as Redacted from "effect/Redacted"
import * as Contexts from "./Contexts.ts"
import { failed } from "./Domain.ts"

/**
 * Logs in, and keeps the token in a context; the password is not kept.
 *
 * @category running
 * @since 0.1.0
 */
export const createContext = Effect.fnUntraced(function*(options: {
  readonly name: string
  readonly url: string
  readonly email: string
  readonly password: Redacted.Redacted
}) {
  const { email, name, password, url } = options
  const client = yield* HttpApiClient.make(Api, { baseUrl: url })
  const { token } = yield* client.login.login({ payload: { email, password: Redacted.value(password) } }).pipe(
    Effect.mapError(failed(url))
  )
  yield* Contexts.put(name, { url, email, token })
}, Effect.provide(FetchHttpClient.layer))
