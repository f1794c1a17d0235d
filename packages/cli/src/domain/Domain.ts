/**
 * A service domain, by its REST API: a client derived from the API itself.
 *
 * @since 0.1.0
 */
import type { ApiError, Kind } from "@kps/service-domain"
import { Api } from "@kps/service-domain/Api"
import { OperatorApi } from "@kps/service-domain/OperatorApi"
import * as Config from "effect/Config"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as HttpApiClient from "effect/http-api/HttpApiClient"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as HttpClient from "effect/http/HttpClient"
import type * as HttpClientError from "effect/http/HttpClientError"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as Contexts from "./Contexts.ts"
import type { Target } from "./TargetFlags.ts"

/**
 * What the service domain said instead of doing it, with the HTTP status of that.
 *
 * @category errors
 * @since 0.1.0
 */
export class Refused extends Schema.TaggedError<Refused>("@kps/cli/domain/Domain/Refused")("Refused", {
  status: Schema.Int,
  problem: Schema.String,
  problems: Schema.Array(Schema.String)
}) {
  override get message(): string {
    return [this.problem, ...this.problems.map((problem) => `  ${problem}`)].join("\n")
  }
}

/**
 * The service domain could not be reached, or what answered is none.
 *
 * @category errors
 * @since 0.1.0
 */
export class Away extends Schema.TaggedError<Away>("@kps/cli/domain/Domain/Away")("Away", {
  url: Schema.String,
  reason: Schema.Literals(["unreachable", "foreign"]),
  cause: Schema.Defect()
}) {
  override get message(): string {
    return this.reason === "unreachable"
      ? `no service domain answers at ${this.url}`
      : `what answers at ${this.url} is no service domain of this version: ${String(this.cause).split("\n")[0]}`
  }
}

/**
 * @category errors
 * @since 0.1.0
 */
export type Failed = Refused | Away

type Answer<A> = Effect.Effect<A, Failed>

/**
 * The documents of one kind.
 *
 * @category models
 * @since 0.1.0
 */
export interface Collection<A> {
  /** Gives the id that it has. */
  readonly create: (value: A) => Answer<string>
  readonly get: (id: string) => Answer<A>
  readonly update: (id: string, value: A) => Answer<void>
  /** Whether there was one. */
  readonly delete: (id: string) => Answer<boolean>
  /** All of them, however many pages that are. */
  readonly all: Answer<ReadonlyArray<A>>
}

type Client = HttpApiClient.ForApi<typeof Api>
type OperatorClient = HttpApiClient.ForApi<typeof OperatorApi>["operator"]

/**
 * Service of the service domain that the flags name.
 *
 * @category services
 * @since 0.1.0
 */
export class Domain extends Context.Service<Domain, {
  readonly url: string
  readonly documents: { readonly [K in Kind.Kind]: Collection<Kind.Values[K]> }
  /** Any other call of the API. */
  readonly call: <A>(use: (client: Client) => Effect.Effect<A, CallError>) => Answer<A>
  /** A call of the operator's API. */
  readonly operate: <A>(use: (client: OperatorClient) => Effect.Effect<A, CallError>) => Answer<A>
  /** One that goes on answering. */
  readonly follow: <A>(
    use: (client: OperatorClient) => Effect.Effect<Stream.Stream<A, CallError>, CallError>
  ) => Stream.Stream<A, Failed>
}>()("@kps/cli/domain/Domain") {}

type CallError = ApiError.ApiError | HttpClientError.HttpClientError | Schema.SchemaError

const isApiError = (error: CallError): error is ApiError.ApiError => "statusCode" in error

/**
 * What a call fails with, as a command tells it.
 *
 * @category errors
 * @since 0.1.0
 */
export const failed = (url: string) => (error: CallError): Failed => {
  if (isApiError(error)) {
    return new Refused({
      status: error.statusCode,
      problem: error.message,
      problems: (error.violations ?? []).map(({ line, message, path }) =>
        `${line === undefined ? "" : `line ${line}: `}${path === "" ? "" : `${path}: `}${message}`
      )
    })
  }
  const isAway = error._tag === "HttpClientError" && error.reason._tag === "TransportError"
  return new Away({ url, reason: isAway ? "unreachable" : "foreign", cause: error })
}

const pageSize = 500

interface Page<A> {
  readonly totalCount: number
  readonly result: ReadonlyArray<A>
}

/** All pages of a list, in the order in which the documents were created. */
const pages = <A, E>(
  get: (query: { readonly pageIndex: number; readonly pageSize: number }) => Effect.Effect<Page<A>, E>
) =>
  Effect.gen(function*() {
    const found: Array<A> = []
    for (let pageIndex = 0;; pageIndex++) {
      const { result, totalCount } = yield* get({ pageIndex, pageSize })
      found.push(...result)
      if (result.length === 0 || found.length >= totalCount) return found
    }
  })

/** The part of a group's client that all kinds have. */
interface One<A> {
  readonly create: (request: { readonly payload: A }) => Effect.Effect<{ readonly id: string }, CallError>
  readonly get: (request: { readonly params: { readonly id: string } }) => Effect.Effect<A, CallError>
  readonly update: (
    request: { readonly params: { readonly id: string }; readonly payload: A }
  ) => Effect.Effect<{ readonly id: string }, CallError>
  readonly delete: (
    request: { readonly params: { readonly id: string } }
  ) => Effect.Effect<{ readonly id: string }, CallError>
}
interface Listed<A> extends One<A> {
  readonly list: (
    request: { readonly query: { readonly pageIndex: number; readonly pageSize: number } }
  ) => Effect.Effect<Page<A>, CallError>
}

const documentsOf = (client: Client, url: string): Domain["Service"]["documents"] => {
  const answer = Effect.mapError(failed(url))
  const one = <A>(group: One<A>, all: Effect.Effect<ReadonlyArray<A>, CallError>): Collection<A> => ({
    create: (payload) => Effect.map(answer(group.create({ payload })), ({ id }) => id),
    get: (id) => answer(group.get({ params: { id } })),
    update: (id, payload) => Effect.asVoid(answer(group.update({ params: { id }, payload }))),
    delete: (id) => Effect.map(answer(group.delete({ params: { id } })), ({ id }) => id !== ""),
    all: answer(all)
  })
  const listed = <A>(group: Listed<A>) => one(group, pages((query) => group.list({ query })))
  const instances = client.connectorInstances
  // streams and configs have no list of their own: they are listed by instance
  const ofInstances = <A>(get: (id: string) => Effect.Effect<ReadonlyArray<A>, CallError>) =>
    pages((query) => instances.list({ query })).pipe(
      Effect.flatMap((found) => Effect.forEach(found, ({ id = "" }) => get(id), { concurrency: 8 })),
      Effect.map((found) => found.flat())
    )
  return {
    category: listed(client.categories),
    connectorClass: listed(client.connectorClasses),
    connectorInstance: listed(instances),
    connectorStream: one(
      client.connectorStreams,
      ofInstances((id) => pages((query) => instances.streams({ params: { id }, query })))
    ),
    connectorConfig: one(
      client.connectorConfigs,
      ofInstances((id) => pages((query) => instances.configs({ params: { id }, query })))
    ),
    dataPipeline: listed(client.dataPipelines),
    function: listed(client.functions),
    project: listed(client.projects),
    serviceDomain: listed(client.serviceDomains)
  }
}

const token = Config.option(Config.Redacted("KPS_TOKEN"))

/** Where it is and the token for it: the flags before the environment, that before the current context. */
const entry = Effect.fnUntraced(function*({ context, url }: Target) {
  if (Option.isSome(url)) {
    const given = yield* token
    if (Option.isNone(given)) {
      return yield* new Contexts.BadContext({ problem: "--url needs a token: set KPS_TOKEN, or make a context" })
    }
    return { url: url.value, token: Redacted.value(given.value) }
  }
  if (Option.isSome(context)) return yield* Contexts.get(context.value)
  const { current } = yield* Contexts.read
  if (current === undefined) {
    return yield* new Contexts.BadContext({
      problem: "which service domain? run kps serve here, or make a context with kps config create-context"
    })
  }
  return yield* Contexts.get(current)
})

/**
 * The service domain at an address, with a token for it.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerAt = ({ token, url }: { readonly url: string; readonly token: string }): Layer.Layer<Domain> =>
  Layer.effect(
    Domain,
    Effect.gen(function*() {
      const options = { baseUrl: url, transformClient: HttpClient.mapRequest(HttpClientRequest.bearerToken(token)) }
      const client = yield* HttpApiClient.make(Api, options)
      const { operator } = yield* HttpApiClient.make(OperatorApi, options)
      return Domain.of({
        url,
        documents: documentsOf(client, url),
        call: (use) => Effect.mapError(use(client), failed(url)),
        operate: (use) => Effect.mapError(use(operator), failed(url)),
        follow: (use) => Stream.mapError(Stream.unwrap(use(operator)), failed(url))
      })
    })
  ).pipe(Layer.provide(FetchHttpClient.layer))

/**
 * The service domain that the flags name.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (target: Target) => Layer.unwrap(Effect.map(entry(target), layerAt))
