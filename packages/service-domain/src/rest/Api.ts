/**
 * The platform's REST API: paths, verbs, bodies and errors. A server implements it, a client is derived from it
 * (`HttpApiClient.make(Api)`), and so is its OpenAPI document (`OpenApi.fromApi(Api)`).
 *
 * **Details**
 *
 * Success is 200, also for what is created. Create, update and delete answer `{ id }`; a delete of what is not there
 * answers `{ id: "" }`. Every error has the body of `ApiError`.
 *
 * @since 0.1.0
 */
import {
  Category,
  ConnectorClass,
  ConnectorConfig,
  ConnectorInstance,
  ConnectorStream,
  DataPipeline,
  Function,
  Project,
  ServiceDomain
} from "@kps/resources"
import * as HttpApi from "effect/http-api/HttpApi"
import * as HttpApiEndpoint from "effect/http-api/HttpApiEndpoint"
import * as HttpApiGroup from "effect/http-api/HttpApiGroup"
import * as OpenApi from "effect/http-api/OpenApi"
import * as Schema from "effect/Schema"
import { Event } from "../events/Event.ts"
import * as ApiError from "./ApiError.ts"
import { Authorization, SchemaErrors } from "./Authorization.ts"

/** Named, so that the OpenAPI document has each once. */
const documents = {
  Category: Category.Category.annotate({ identifier: "Category" }),
  ConnectorClass: ConnectorClass.ConnectorClass.annotate({ identifier: "ConnectorClass" }),
  ConnectorConfig: ConnectorConfig.ConnectorConfig.annotate({ identifier: "ConnectorConfig" }),
  ConnectorInstance: ConnectorInstance.ConnectorInstance.annotate({ identifier: "ConnectorInstance" }),
  ConnectorStream: ConnectorStream.ConnectorStream.annotate({ identifier: "ConnectorStream" }),
  DataPipeline: DataPipeline.DataPipeline.annotate({ identifier: "DataPipeline" }),
  Function: Function.Function.annotate({ identifier: "Function" }),
  Project: Project.Project.annotate({ identifier: "Project" }),
  ServiceDomain: ServiceDomain.ServiceDomain.annotate({ identifier: "ServiceDomain" })
}

/**
 * What create, update and delete answer.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Id = Schema.Struct({ id: Schema.String })

/**
 * How a list is asked for.
 *
 * @category schemas
 * @since 0.1.0
 */
export const ListQuery = {
  /** From 0. */
  pageIndex: Schema.optionalKey(Schema.Int.check(Schema.isGreaterThanOrEqualTo(0))),
  /** From 1 to 1,000. Default: 100. */
  pageSize: Schema.optionalKey(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 1_000 }))),
  /** `<key>` or `<key> desc`, as often as there are keys. */
  orderBy: Schema.optionalKey(Schema.Array(Schema.String)),
  /** Like the WHERE of SQL, over the keys that a list names in `orderByKeys`. */
  filter: Schema.optionalKey(Schema.String)
}

/**
 * A page of documents.
 *
 * @category schemas
 * @since 0.1.0
 */
export const page = <S extends Schema.Top>(document: S) =>
  Schema.Struct({
    pageIndex: Schema.Int,
    pageSize: Schema.Int,
    totalCount: Schema.Int,
    orderBy: Schema.optionalKey(Schema.String),
    orderByKeys: Schema.optionalKey(Schema.Array(Schema.String)),
    result: Schema.Array(document)
  })

const params = { id: Schema.String }

const error = ApiError.all

const create = <const P extends `/v1.0/${string}`, S extends Schema.Top>(path: P, document: S) =>
  HttpApiEndpoint.post("create", path, { payload: document, success: Id, error })

const list = <const P extends `/v1.0/${string}`, S extends Schema.Top>(path: P, document: S) =>
  HttpApiEndpoint.get("list", path, { query: ListQuery, success: page(document), error })

const one = <const P extends `/v1.0/${string}`, S extends Schema.Top>(path: P, document: S) =>
  [
    HttpApiEndpoint.get("get", `${path}/:id`, { params, success: document, error }),
    HttpApiEndpoint.put("update", `${path}/:id`, { params, payload: document, success: Id, error }),
    HttpApiEndpoint.delete("delete", `${path}/:id`, { params, success: Id, error })
  ] as const

const classes = HttpApiGroup.make("connectorClasses").add(
  create("/v1.0/connector/classes", documents.ConnectorClass),
  list("/v1.0/connector/classes", documents.ConnectorClass),
  ...one("/v1.0/connector/classes", documents.ConnectorClass),
  HttpApiEndpoint.get("instances", "/v1.0/connector/classes/:id/instances", {
    params,
    success: Schema.Array(documents.ConnectorInstance),
    error
  })
).annotateMerge(OpenApi.annotations({ description: "What connectors are to the platform." }))

const instances = HttpApiGroup.make("connectorInstances").add(
  create("/v1.0/connector/instances", documents.ConnectorInstance),
  list("/v1.0/connector/instances", documents.ConnectorInstance),
  ...one("/v1.0/connector/instances", documents.ConnectorInstance),
  HttpApiEndpoint.get("streams", "/v1.0/connector/instances/:id/streams", {
    params,
    query: ListQuery,
    success: page(documents.ConnectorStream),
    error
  }),
  HttpApiEndpoint.get("configs", "/v1.0/connector/instances/:id/configs", {
    params,
    query: ListQuery,
    success: page(documents.ConnectorConfig),
    error
  })
).annotateMerge(OpenApi.annotations({ description: "Connectors of a class, in a project." }))

const streams = HttpApiGroup.make("connectorStreams").add(
  create("/v1.0/connector/streams", documents.ConnectorStream),
  ...one("/v1.0/connector/streams", documents.ConnectorStream)
).annotateMerge(OpenApi.annotations({ description: "What instances read from outside, and write to it." }))

const configs = HttpApiGroup.make("connectorConfigs").add(
  create("/v1.0/connector/configs", documents.ConnectorConfig),
  ...one("/v1.0/connector/configs", documents.ConnectorConfig)
).annotateMerge(OpenApi.annotations({ description: "Parameters of instances that change while they run." }))

const categories = HttpApiGroup.make("categories").add(
  create("/v1.0/categories", documents.Category),
  list("/v1.0/categories", documents.Category),
  ...one("/v1.0/categories", documents.Category)
).annotateMerge(OpenApi.annotations({ description: "Names with values, by which things are labelled." }))

const inProject = <const Id extends string, S extends Schema.Top>(
  id: Id,
  path: `/v1.0/projects/:id/${string}`,
  document: S
) =>
  HttpApiEndpoint.get(id, path, {
    params,
    query: ListQuery,
    success: page(document),
    error
  })

const projects = HttpApiGroup.make("projects").add(
  create("/v1.0/projects", documents.Project),
  list("/v1.0/projects", documents.Project),
  ...one("/v1.0/projects", documents.Project),
  inProject("dataPipelines", "/v1.0/projects/:id/datapipelines", documents.DataPipeline),
  inProject("functions", "/v1.0/projects/:id/functions", documents.Function),
  inProject("serviceDomains", "/v1.0/projects/:id/servicedomains", documents.ServiceDomain)
).annotateMerge(OpenApi.annotations({ description: "Users, and the service domains that they share." }))

const serviceDomains = HttpApiGroup.make("serviceDomains").add(
  create("/v1.0/servicedomains", documents.ServiceDomain),
  list("/v1.0/servicedomains", documents.ServiceDomain),
  ...one("/v1.0/servicedomains", documents.ServiceDomain)
).annotateMerge(OpenApi.annotations({ description: "Where connectors and pipelines run." }))

const functions = HttpApiGroup.make("functions").add(
  create("/v1.0/functions", documents.Function),
  list("/v1.0/functions", documents.Function),
  ...one("/v1.0/functions", documents.Function)
).annotateMerge(OpenApi.annotations({ description: "Code that pipelines give messages to." }))

const dataPipelines = HttpApiGroup.make("dataPipelines").add(
  create("/v1.0/datapipelines", documents.DataPipeline),
  list("/v1.0/datapipelines", documents.DataPipeline),
  ...one("/v1.0/datapipelines", documents.DataPipeline)
).annotateMerge(OpenApi.annotations({ description: "From streams over functions to where messages go." }))

/**
 * Which events are asked for.
 *
 * @category schemas
 * @since 0.1.0
 */
export const EventFilter = Schema.Struct({
  path: Schema.String.annotate({
    description: "What they are about: /serviceDomain:<id>/project:<id>/connectorInstance:<id>/connectorStream:<id>"
  }),
  startTime: Schema.optionalKey(Schema.String.annotate({ description: "No later than this, in ISO 8601." })),
  endTime: Schema.optionalKey(Schema.String.annotate({ description: "Later than this, in ISO 8601." })),
  keys: Schema.optionalKey(
    Schema.Record(Schema.String, Schema.String).annotate({ description: "What their fields are: {\"type\":\"ALERT\"}" })
  )
}).annotate({ identifier: "EventFilterV2" })

const events = HttpApiGroup.make("events").add(
  HttpApiEndpoint.post("query", "/v1.0/events", {
    query: { pageIndex: ListQuery.pageIndex, pageSize: ListQuery.pageSize },
    payload: EventFilter,
    success: Schema.Array(Event),
    error
  }),
  HttpApiEndpoint.put("put", "/v1.0/events", {
    payload: Schema.Struct({ events: Schema.Array(Event) }),
    success: Schema.Array(Id),
    error
  })
).annotateMerge(OpenApi.annotations({ description: "Alerts and statuses, newest first." }))

/**
 * What a login answers.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Session = Schema.Struct({
  token: Schema.String,
  _id: Schema.String,
  name: Schema.String,
  email: Schema.String
})

const login = HttpApiGroup.make("login").add(
  HttpApiEndpoint.post("login", "/v1.0/login", {
    payload: Schema.Struct({ email: Schema.String, password: Schema.String }),
    success: Session,
    error
  })
).annotateMerge(OpenApi.annotations({ description: "A token for everything else." }))

/**
 * The REST API.
 *
 * @category api
 * @since 0.1.0
 */
export class Api extends HttpApi.make("kps")
  .add(classes, instances, streams, configs, categories, projects, serviceDomains, functions, dataPipelines, events)
  .middleware(Authorization)
  .add(login)
  .middleware(SchemaErrors)
  .annotateMerge(OpenApi.annotations({
    title: "Karbon Platform Services",
    version: "1.0",
    description:
      "Documents of a service domain: connectors, projects, functions, data pipelines; and what happens to them."
  }))
{}
