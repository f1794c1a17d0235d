/** The REST API on a port of its own, and raw HTTP to call it. */
import { Context, Effect, Layer, Redacted, References, type Scope } from "effect"
import * as Documents from "../../src/documents/Documents.ts"
import * as EventHistory from "../../src/events/EventHistory.ts"
import * as Access from "../../src/rest/Access.ts"
import * as RestServer from "../../src/rest/RestServer.ts"

export const token = "a-token-of-the-tests"

export const account = { email: "admin@plant", password: "a password" }

export const access = Access.layer({
  token: Redacted.make(token),
  accounts: [{ email: account.email, password: Redacted.make(account.password), name: "Admin" }]
})

export interface Answer {
  readonly status: number
  // oxlint-disable-next-line typescript/no-explicit-any -- what is in it is what tests are about
  readonly body: any
}

export interface Rest {
  readonly url: string
  readonly documents: Documents.Documents["Service"]
  readonly history: EventHistory.EventHistory["Service"]
  readonly call: (
    method: string,
    path: string,
    body?: unknown,
    headers?: Record<string, string>
  ) => Effect.Effect<Answer>
}

export const caller = (url: string): Rest["call"] => (method, path, body, headers = {}) =>
  Effect.promise(async () => {
    const response = await fetch(`${url}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${token}`,
        "content-type": "application/json",
        connection: "close",
        ...headers
      },
      ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) })
    })
    const text = await response.text()
    return {
      status: response.status,
      body: response.headers.get("content-type")?.includes("json") === true ? JSON.parse(text) : text
    }
  })

export const rest: Effect.Effect<Rest, never, Scope.Scope> = Effect.gen(function*() {
  const context = yield* Layer.build(
    RestServer.layer({ port: 0 }).pipe(
      Layer.provideMerge(Layer.mergeAll(Documents.layerMemory, EventHistory.layerMemory(), access)),
      Layer.provide(Layer.succeed(References.MinimumLogLevel, "None")),
      Layer.fresh,
      Layer.orDie
    )
  )
  const { url } = Context.get(context, RestServer.RestServer)
  return {
    url,
    documents: Context.get(context, Documents.Documents),
    history: Context.get(context, EventHistory.EventHistory),
    call: caller(url)
  }
})
