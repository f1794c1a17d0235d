/** A client that is generated from the OpenAPI document by a tool that is not ours, on a server that runs. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { pathToFileURL } from "node:url"
import { generateSource } from "oazapfts"
import * as sample from "./support/documents.ts"
import { account, rest } from "./support/Rest.ts"

interface Answer {
  readonly status: number
  // oxlint-disable-next-line typescript/no-explicit-any -- what is in it is what the test is about
  readonly data: any
}

type Call = (...args: ReadonlyArray<unknown>) => Promise<Answer>

interface Client {
  readonly defaults: { baseUrl: string; headers: Record<string, string> }
  readonly call: (name: string, ...args: ReadonlyArray<unknown>) => Effect.Effect<Answer>
}

/** Within the package, where its imports are found. */
const scratch = join(import.meta.dirname, "..", "dist")

const generate = Effect.fnUntraced(function*(url: string): Effect.fn.Return<Client> {
  mkdirSync(scratch, { recursive: true })
  const folder = mkdtempSync(join(scratch, "client-"))
  const source = yield* Effect.promise(() => generateSource(`${url}/openapi.json`))
  const file = join(folder, "client.ts")
  writeFileSync(file, source)
  const module: { readonly defaults: Client["defaults"] } & Readonly<Record<string, unknown>> = yield* Effect.promise(
    () => import(/* @vite-ignore */ pathToFileURL(file).href)
  ).pipe(Effect.ensuring(Effect.sync(() => rmSync(folder, { recursive: true }))))
  return {
    defaults: module.defaults,
    call: (name, ...args) =>
      Effect.promise(() => {
        const call = module[name]
        assert.isFunction(call, name)
        return (call as Call)(...args)
      })
  }
})

const creators = {
  category: "categoriesCreate",
  serviceDomain: "serviceDomainsCreate",
  project: "projectsCreate",
  connectorClass: "connectorClassesCreate",
  connectorInstance: "connectorInstancesCreate",
  connectorStream: "connectorStreamsCreate",
  connectorConfig: "connectorConfigsCreate",
  function: "functionsCreate",
  dataPipeline: "dataPipelinesCreate"
}

describe("a client generated from the OpenAPI document", () => {
  it.live(
    "logs in, creates, lists, updates and deletes every kind of document, and reads events",
    () =>
      Effect.gen(function*() {
        const { url } = yield* rest
        const { call, defaults } = yield* generate(url)
        defaults.baseUrl = url
        const login = yield* call("loginLogin", account)
        defaults.headers = { authorization: `Bearer ${login.data.token}`, connection: "close" }
        for (const [kind, document] of sample.all) {
          const { id } = { id: "", ...document }
          assert.deepInclude(yield* call(creators[kind], document), { status: 200, data: { id } }, kind)
        }
        const stream = yield* call("connectorStreamsGet", "s-in")
        const updated = yield* call("connectorStreamsUpdate", "s-in", { ...stream.data, description: "in" })
        const list = yield* call("connectorInstancesStreams", "i-1", {
          filter: "direction = 'INGRESS'",
          pageSize: "10"
        })
        const refused = yield* call("connectorStreamsCreate", { ...sample.egress, id: "s-2", direction: "SIDEWAYS" })
        const events = yield* call("eventsQuery", { path: "/", keys: { type: "ALERT" } }, {})
        const deleted = yield* call("dataPipelinesDelete", "dp-1")

        assert.deepInclude(updated, { status: 200 })
        assert.deepStrictEqual(
          list.data.result.map(({ description }: { readonly description: string }) => description),
          [
            "in"
          ]
        )
        assert.strictEqual(refused.status, 400)
        assert.deepStrictEqual(refused.data.violations.map(({ path }: { readonly path: string }) => path), [
          "direction"
        ])
        assert.deepStrictEqual(events.data, [])
        assert.deepStrictEqual(deleted.data, { id: "dp-1" })
      }),
    60_000
  )
})
