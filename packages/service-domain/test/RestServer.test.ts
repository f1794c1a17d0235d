import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as sample from "./support/documents.ts"
import { account, type Rest, rest, token } from "./support/Rest.ts"

/** Where each kind is created, in the order in which they refer to each other. */
const paths = {
  category: "/v1.0/categories",
  serviceDomain: "/v1.0/servicedomains",
  project: "/v1.0/projects",
  connectorClass: "/v1.0/connector/classes",
  connectorInstance: "/v1.0/connector/instances",
  connectorStream: "/v1.0/connector/streams",
  connectorConfig: "/v1.0/connector/configs",
  function: "/v1.0/functions",
  dataPipeline: "/v1.0/datapipelines"
}

const createAll = ({ call }: Rest) =>
  Effect.forEach(sample.all, ([kind, document]) => call("POST", paths[kind], document))

describe("RestServer", () => {
  it.live("creates every kind of document by raw HTTP, and gives it back", () =>
    Effect.gen(function*() {
      const server = yield* rest
      const created = yield* createAll(server)

      for (const [index, [kind, document]] of sample.all.entries()) {
        const { id } = { id: "", ...document }
        assert.deepStrictEqual(created[index], { status: 200, body: { id } })
        const { body, status } = yield* server.call("GET", `${paths[kind]}/${id}`)
        assert.strictEqual(status, 200)
        assert.deepInclude(body, document)
        assert.hasAllDeepKeys(
          body,
          [...Object.keys(document), "version", "createdAt", "updatedAt"]
        )
      }
    }))

  it.live("updates and deletes", () =>
    Effect.gen(function*() {
      const { call } = yield* rest
      yield* call("POST", "/v1.0/categories", sample.category)
      const path = "/v1.0/categories/cat-1"
      const updated = yield* call("PUT", path, { ...sample.category, purpose: "another" })
      const { body } = yield* call("GET", path)
      yield* call("PUT", path, { ...body, purpose: "mine" })
      const late = yield* call("PUT", path, { ...body, purpose: "theirs" })
      const deleted = yield* call("DELETE", path)

      assert.deepStrictEqual(updated, { status: 200, body: { id: "cat-1" } })
      assert.strictEqual(body.purpose, "another")
      assert.deepInclude(late.body, { statusCode: 409, errorCode: 7 })
      assert.deepStrictEqual(deleted, { status: 200, body: { id: "cat-1" } })
      assert.deepStrictEqual(yield* call("DELETE", path), { status: 200, body: { id: "" } })
      assert.deepStrictEqual((yield* call("GET", path)).body, {
        statusCode: 404,
        errorCode: 4,
        message: "no category with id \"cat-1\""
      })
    }))

  it.live("lists in pages, filtered and ordered, and says by which keys", () =>
    Effect.gen(function*() {
      const { call } = yield* rest
      for (const name of ["b", "a", "d", "c", "e'1"]) {
        yield* call("POST", "/v1.0/categories", { name, purpose: "p", values: ["x"] })
      }
      const list = (query: Record<string, string>) =>
        Effect.map(call("GET", `/v1.0/categories?${new URLSearchParams(query).toString()}`), ({ body, status }) => ({
          status,
          body,
          names: body.result?.map(({ name }: { readonly name: string }) => name)
        }))
      const first = yield* list({ pageSize: "2" })
      const page = yield* list({ orderBy: "name desc", pageIndex: "1", pageSize: "2" })

      assert.deepStrictEqual({ ...first.body, result: [] }, {
        pageIndex: 0,
        pageSize: 2,
        totalCount: 5,
        orderByKeys: ["id", "name", "description", "version", "createdAt", "updatedAt", "purpose"],
        result: []
      })
      assert.deepStrictEqual(first.names, ["b", "a"])
      assert.deepStrictEqual(page.names, ["c", "b"])
      assert.strictEqual(page.body.orderBy, "name desc")
      assert.deepStrictEqual((yield* list({ filter: "name LIKE 'e%' OR name IN ('a')" })).names, ["a", "e'1"])
      assert.deepStrictEqual((yield* list({ pageIndex: "9" })).names, [])
      assert.deepStrictEqual(
        (yield* call("GET", "/v1.0/categories?orderBy=purpose&orderBy=name")).body.result.map((
          { name }: { readonly name: string }
        ) => name),
        ["a", "b", "c", "d", "e'1"]
      )
      for (
        const [query, message] of [
          [{ filter: "colour = 'red'" }, "filter: expected a key ("],
          [{ orderBy: "colour" }, "orderBy: expected a key ("],
          [{ orderBy: "name sideways" }, "orderBy: expected \"name\" or \"name desc\""],
          [{ pageSize: "1001" }, "query: "],
          [{ pageIndex: "-1" }, "query: "],
          [{ pageSize: "many" }, "query: "]
        ] as const
      ) {
        const { body, status } = yield* list(query)
        assert.deepStrictEqual([status, body.statusCode, body.errorCode], [400, 400, 1])
        assert.include(body.message, message)
      }
    }))

  it.live("lists what belongs to a class, an instance or a project", () =>
    Effect.gen(function*() {
      const server = yield* rest
      const { call } = server
      yield* createAll(server)
      const ids = (path: string) =>
        Effect.map(call("GET", path), ({ body }) =>
          (Array.isArray(body) ? body : body.result).map(({ id }: { readonly id: string }) => id))

      assert.deepStrictEqual(yield* ids("/v1.0/connector/classes/c-1/instances"), ["i-1"])
      assert.isArray((yield* call("GET", "/v1.0/connector/classes/c-1/instances")).body)
      assert.deepStrictEqual(yield* ids("/v1.0/connector/instances/i-1/streams"), ["s-in", "s-out"])
      assert.deepStrictEqual(
        yield* ids("/v1.0/connector/instances/i-1/streams?filter=direction%3D'EGRESS'"),
        ["s-out"]
      )
      assert.deepStrictEqual(yield* ids("/v1.0/connector/instances/i-1/configs"), ["cfg-1"])
      assert.deepStrictEqual(yield* ids("/v1.0/projects/p-1/datapipelines"), ["dp-1"])
      assert.deepStrictEqual(yield* ids("/v1.0/projects/p-1/functions"), ["f-1"])
      assert.deepStrictEqual(yield* ids("/v1.0/projects/p-1/servicedomains"), ["sd-1"])
      for (const path of ["connector/classes/x/instances", "connector/instances/x/streams", "projects/x/functions"]) {
        assert.strictEqual((yield* call("GET", `/v1.0/${path}`)).status, 404)
      }
      assert.strictEqual((yield* call("GET", "/v1.0/connector/streams")).status, 404)
    }))

  it.live("takes names where ids belong in documents of connectors, and keeps ids", () =>
    Effect.gen(function*() {
      const server = yield* rest
      yield* createAll(server)
      const { body } = yield* server.call("POST", paths.connectorInstance, {
        ...sample.connectorInstance,
        id: "i-2",
        name: "second",
        connectorClassID: "natsconnector",
        projectId: "NatsConnectorProject"
      })
      const { body: kept } = yield* server.call("GET", `${paths.connectorInstance}/${body.id}`)

      assert.deepInclude(kept, { connectorClassID: "c-1", projectId: "p-1" })
    }))

  it.live("refuses to delete what is in use, and names that are taken", () =>
    Effect.gen(function*() {
      const server = yield* rest
      yield* createAll(server)
      const inUse = yield* server.call("DELETE", "/v1.0/connector/classes/c-1")
      const { id: _, ...again } = sample.category
      const taken = yield* server.call("POST", "/v1.0/categories", again)
      const version = { ...sample.connectorClass, id: "c-2", connectorVersion: "2.0" }

      assert.deepStrictEqual(inUse, {
        status: 409,
        body: {
          statusCode: 409,
          errorCode: 6,
          message: "connector class \"natsconnector\" is in use by connector instance \"nats\": delete those first"
        }
      })
      assert.deepInclude(taken.body, { statusCode: 409, errorCode: 5 })
      assert.strictEqual((yield* server.call("POST", paths.connectorClass, version)).status, 200)
    }))

  it.live("gives a token for a login, and takes no call without one", () =>
    Effect.gen(function*() {
      const { call } = yield* rest
      const open = { authorization: "" }
      const { body: session, status } = yield* call("POST", "/v1.0/login", account, open)
      const own = { authorization: `Bearer ${session.token}` }
      const [head, payload] = session.token.split(".")
      const forged = { authorization: `Bearer ${head}.${payload}.${"A".repeat(43)}` }

      assert.strictEqual(status, 200)
      assert.deepStrictEqual({ ...session, token: "" }, {
        token: "",
        _id: account.email,
        name: "Admin",
        email: account.email
      })
      assert.strictEqual((yield* call("GET", "/v1.0/categories", undefined, own)).status, 200)
      for (const headers of [open, { authorization: "Bearer x" }, { authorization: `Basic ${token}` }, forged]) {
        const { body, status } = yield* call("GET", "/v1.0/categories", undefined, headers)
        assert.deepStrictEqual([status, body.statusCode, body.errorCode], [401, 401, 3])
        assert.include(body.message, "/v1.0/login")
      }
      for (const wrong of [{ ...account, password: "b" }, { ...account, email: "nobody" }]) {
        assert.deepStrictEqual((yield* call("POST", "/v1.0/login", wrong, open)).body, {
          statusCode: 401,
          errorCode: 3,
          message: "no account with that email and password"
        })
      }
    }))

  it.live("answers what is no request of the API in its own words", () =>
    Effect.gen(function*() {
      const { call } = yield* rest
      const notJson = yield* call("POST", "/v1.0/categories", "{")
      const noObject = yield* call("POST", "/v1.0/login", [])
      const nowhere = yield* call("GET", "/v1.0/nothing?x=1")
      const wrongVerb = yield* call("PATCH", "/v1.0/categories")

      assert.deepInclude(notJson.body, { statusCode: 400, errorCode: 1 })
      assert.include(notJson.body.message, "expected a body in JSON")
      assert.deepInclude(noObject.body, { statusCode: 400, errorCode: 1 })
      assert.deepStrictEqual(nowhere, {
        status: 404,
        body: { statusCode: 404, errorCode: 4, message: "no GET /v1.0/nothing: see /docs" }
      })
      assert.strictEqual(wrongVerb.status, 404)
    }))

  it.live("refuses a body that is too large, before it is read", () =>
    Effect.gen(function*() {
      const { call } = yield* rest
      const { body, status } = yield* call("POST", "/v1.0/functions", { ...sample.func, code: "x".repeat(34_000_000) })

      assert.deepStrictEqual([status, body.errorCode], [413, 8])
    }))

  it.live("has its OpenAPI document, and a page to browse it", () =>
    Effect.gen(function*() {
      const { call } = yield* rest
      const document = yield* call("GET", "/openapi.json", undefined, { authorization: "" })
      const page = yield* call("GET", "/docs", undefined, { authorization: "" })

      assert.strictEqual(document.body.openapi, "3.1.0")
      assert.containsAllKeys(document.body.paths["/v1.0/connector/streams/{id}"], ["get", "put", "delete"])
      assert.include(page.body, "swagger-ui")
      assert.notMatch(page.body, /(?:src|href)="https?:/)
    }))

  it.live("keeps events, and gives them by path, key and time", () =>
    Effect.gen(function*() {
      const { call } = yield* rest
      const base = "/serviceDomain:sd-1/project:p-1/connectorInstance:i-1"
      const now = Date.now()
      const at = (second: number) => new Date(now - 60_000 + second * 1_000).toISOString()
      const event = (type: string, path: string, name: string, second: number) => ({
        type,
        path,
        message: name,
        properties: { name },
        timestamp: at(second)
      })
      const put = yield* call("PUT", "/v1.0/events", {
        events: [
          event("ALERT", `${base}/connectorStream:s-1`, "one", 1),
          event("ALERT", `${base}/connectorStream:s-10`, "two", 2),
          event("STATUS", base, "three", 3),
          event("ALERT", "/serviceDomain:sd-2", "four", 4)
        ]
      })
      const names = (filter: object, query = "") =>
        Effect.map(call("POST", `/v1.0/events${query}`, filter), ({ body }) =>
          body.map(({ message }: { readonly message: string }) => message))
      const [{ id }] = put.body
      yield* call("PUT", "/v1.0/events", {
        events: [{ ...event("ALERT", `${base}/connectorStream:s-1`, "one", 1), id, message: "changed" }]
      })

      assert.lengthOf(put.body, 4)
      assert.deepStrictEqual(yield* names({ path: "/" }), ["four", "three", "two", "changed"])
      assert.deepStrictEqual(yield* names({ path: base, keys: { type: "ALERT" } }), ["two", "changed"])
      assert.deepStrictEqual(yield* names({ path: `${base}/connectorStream:s-1` }), ["changed"])
      assert.deepStrictEqual(
        yield* names({ path: "/", startTime: at(3), endTime: at(1) }),
        ["three", "two"]
      )
      assert.deepStrictEqual(yield* names({ path: "/" }, "?pageIndex=1&pageSize=3"), ["changed"])
      assert.strictEqual((yield* call("POST", "/v1.0/events", { keys: {} })).status, 400)
    }))
})
