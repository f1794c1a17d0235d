/**
 * What the REST API does: documents and events.
 *
 * @since 0.1.0
 */
import { Placement } from "@kps/resources"
import * as Effect from "effect/Effect"
import * as HttpApiBuilder from "effect/http-api/HttpApiBuilder"
import * as HttpApiMiddleware from "effect/http-api/HttpApiMiddleware"
import type * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import { Documents } from "../documents/Documents.ts"
import { doors, type Kind, type Values } from "../documents/Kind.ts"
import type { Snapshot } from "../documents/Snapshot.ts"
import { EventHistory } from "../events/EventHistory.ts"
import { Access } from "./Access.ts"
import { Api } from "./Api.ts"
import type { ApiError } from "./ApiError.ts"
import { Authorization, SchemaErrors } from "./Authorization.ts"
import * as body from "./internal/body.ts"
import * as failure from "./internal/failure.ts"
import * as Listing from "./Listing.ts"

interface ById {
  readonly params: { readonly id: string }
}

interface Asked {
  readonly query: Listing.Query
}

interface Sent {
  readonly request: HttpServerRequest.HttpServerRequest
}

const read = <K extends Kind>(kind: K, { request }: Sent): Effect.Effect<Values[K], ApiError> =>
  Effect.flatMap(body.read(request), (json) => Effect.mapError(doors[kind].decode(json), failure.ofResource))

const values = <K extends Kind>(snapshot: Snapshot, kind: K): ReadonlyArray<Values[K]> =>
  snapshot.list(kind).map(({ value }) => value)

/** What every kind of document has. */
const crud = <K extends Kind>(documents: Documents["Service"], kind: K) => {
  const snapshot = Effect.mapError(documents.snapshot, failure.ofDocument)
  const get = ({ params }: ById): Effect.Effect<Values[K], ApiError> =>
    documents.get(kind, params.id).pipe(
      Effect.map(({ value }) => value),
      Effect.mapError(failure.ofDocument)
    )
  return {
    get,
    create: (sent: Sent): Effect.Effect<{ readonly id: string }, ApiError> =>
      Effect.flatMap(read(kind, sent), (value) =>
        documents.create(kind, value).pipe(
          Effect.map(({ id }) => ({ id })),
          Effect.mapError(failure.ofDocument)
        )),
    update: (sent: ById & Sent): Effect.Effect<{ readonly id: string }, ApiError> =>
      Effect.flatMap(read(kind, sent), (value) =>
        documents.update(kind, sent.params.id, value).pipe(
          Effect.map(({ id }) => ({ id })),
          Effect.mapError(failure.ofDocument)
        )),
    delete: ({ params: { id } }: ById): Effect.Effect<{ readonly id: string }, ApiError> =>
      documents.delete(kind, id).pipe(
        Effect.as({ id }),
        Effect.catch((error) =>
          error.reason._tag === "NotFound" ? Effect.succeed({ id: "" }) : Effect.fail(failure.ofDocument(error))
        )
      ),
    list: ({ query }: Asked): Effect.Effect<Listing.Page<Values[K]>, ApiError> =>
      Effect.flatMap(snapshot, (all) => Listing.page(kind, values(all, kind), query)),
    /** Those of a document that has to be there. */
    listOf: <L extends Kind>(
      of: L,
      select: (all: Snapshot, value: Values[K]) => ReadonlyArray<Values[L]>
    ) =>
    ({ params, query }: ById & Asked): Effect.Effect<Listing.Page<Values[L]>, ApiError> =>
      Effect.gen(function*() {
        const value = yield* get({ params })
        return yield* Listing.page(of, select(yield* snapshot, value), query)
      })
  }
}

const handlers = <A>(make: (documents: Documents["Service"]) => A) => Effect.map(Documents, make)

const connectorClasses = HttpApiBuilder.group(Api, "connectorClasses", (group) =>
  handlers((documents) => {
    const of = crud(documents, "connectorClass")
    return group
      .handleRaw("create", of.create).handle("list", of.list).handle("get", of.get)
      .handleRaw("update", of.update).handle("delete", of.delete)
      .handle("instances", ({ params }) =>
        Effect.gen(function*() {
          yield* of.get({ params })
          const all = yield* Effect.mapError(documents.snapshot, failure.ofDocument)
          return values(all, "connectorInstance").filter(({ connectorClassID }) => connectorClassID === params.id)
        }))
  }))

const connectorInstances = HttpApiBuilder.group(Api, "connectorInstances", (group) =>
  handlers((documents) => {
    const of = crud(documents, "connectorInstance")
    return group
      .handleRaw("create", of.create).handle("list", of.list).handle("get", of.get)
      .handleRaw("update", of.update).handle("delete", of.delete)
      .handle(
        "streams",
        of.listOf("connectorStream", (all, { id }) =>
          values(all, "connectorStream").filter((stream) => stream.connectorInstanceID === id))
      )
      .handle(
        "configs",
        of.listOf("connectorConfig", (all, { id }) =>
          values(all, "connectorConfig").filter((config) =>
            config.connectorInstanceID === id
          ))
      )
  }))

const connectorStreams = HttpApiBuilder.group(Api, "connectorStreams", (group) =>
  handlers((documents) => {
    const of = crud(documents, "connectorStream")
    return group.handleRaw("create", of.create).handle("get", of.get)
      .handleRaw("update", of.update).handle("delete", of.delete)
  }))

const connectorConfigs = HttpApiBuilder.group(Api, "connectorConfigs", (group) =>
  handlers((documents) => {
    const of = crud(documents, "connectorConfig")
    return group.handleRaw("create", of.create).handle("get", of.get)
      .handleRaw("update", of.update).handle("delete", of.delete)
  }))

const categories = HttpApiBuilder.group(Api, "categories", (group) =>
  handlers((documents) => {
    const of = crud(documents, "category")
    return group.handleRaw("create", of.create).handle("list", of.list).handle("get", of.get)
      .handleRaw("update", of.update).handle("delete", of.delete)
  }))

const projects = HttpApiBuilder.group(Api, "projects", (group) =>
  handlers((documents) => {
    const of = crud(documents, "project")
    return group.handleRaw("create", of.create).handle("list", of.list).handle("get", of.get)
      .handleRaw("update", of.update).handle("delete", of.delete)
      .handle(
        "dataPipelines",
        of.listOf("dataPipeline", (all, { id }) =>
          values(all, "dataPipeline").filter(({ projectId }) => projectId === id))
      )
      .handle(
        "functions",
        of.listOf("function", (all, { id }) =>
          values(all, "function").filter(({ projectId }) => projectId === id))
      )
      .handle(
        "serviceDomains",
        of.listOf("serviceDomain", (all, project) => Placement.ofProject(project, values(all, "serviceDomain")))
      )
  }))

const serviceDomains = HttpApiBuilder.group(Api, "serviceDomains", (group) =>
  handlers((documents) => {
    const of = crud(documents, "serviceDomain")
    return group.handleRaw("create", of.create).handle("list", of.list).handle("get", of.get)
      .handleRaw("update", of.update).handle("delete", of.delete)
  }))

const functions = HttpApiBuilder.group(Api, "functions", (group) =>
  handlers((documents) => {
    const of = crud(documents, "function")
    return group.handleRaw("create", of.create).handle("list", of.list).handle("get", of.get)
      .handleRaw("update", of.update).handle("delete", of.delete)
  }))

const dataPipelines = HttpApiBuilder.group(Api, "dataPipelines", (group) =>
  handlers((documents) => {
    const of = crud(documents, "dataPipeline")
    return group.handleRaw("create", of.create).handle("list", of.list).handle("get", of.get)
      .handleRaw("update", of.update).handle("delete", of.delete)
  }))

const events = HttpApiBuilder.group(Api, "events", (group) =>
  Effect.map(EventHistory, (history) =>
    group
      .handle("query", ({ payload, query: { pageIndex = 0, pageSize = 100 } }) =>
        history.query(payload).pipe(
          Effect.map((found) => found.slice(pageIndex * pageSize, (pageIndex + 1) * pageSize)),
          Effect.mapError(({ message }) => failure.unavailable(message))
        ))
      .handle(
        "put",
        ({ payload }) => Effect.mapError(history.add(payload.events), ({ message }) => failure.unavailable(message))
      )))

const login = HttpApiBuilder.group(
  Api,
  "login",
  (group) =>
    Effect.map(Access, (access) =>
      group.handle("login", ({ payload }) =>
        Effect.flatMap(
          access.login(payload.email, Redacted.make(payload.password)),
          Option.match({
            onNone: () => Effect.fail(failure.unauthorized("no account with that email and password")),
            onSome: Effect.succeed
          })
        )))
)

/**
 * Layer that lets requests with a good token through.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerAuthorization: Layer.Layer<Authorization, never, Access> = Layer.effect(
  Authorization,
  Effect.map(Access, (access) => ({
    bearer: Effect.fnUntraced(function*(handler, { credential }) {
      if (yield* access.allows(credential)) return yield* handler
      return yield* failure.unauthorized(
        Redacted.value(credential) === ""
          ? "no token: log in by POST /v1.0/login, and send the header \"Authorization: Bearer <token>\""
          : "the token is not known or no longer good: log in by POST /v1.0/login"
      )
    })
  }))
)

/**
 * Layer that tells what is wrong with the query or the body of a request, as all errors are told.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerSchemaErrors: Layer.Layer<SchemaErrors> = HttpApiMiddleware.layerSchemaErrorTransform(
  SchemaErrors,
  ({ cause, kind }) =>
    Effect.fail(failure.badRequest(`${kind.toLowerCase()}: ${cause.message.replaceAll(/\s*\n\s*/g, " ")}`))
)

/**
 * Layer with what every call does.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = Layer.mergeAll(
  connectorClasses,
  connectorInstances,
  connectorStreams,
  connectorConfigs,
  categories,
  projects,
  serviceDomains,
  functions,
  dataPipelines,
  events,
  login
).pipe(Layer.provide([layerAuthorization, layerSchemaErrors]))
