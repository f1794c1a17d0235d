import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import { Documents } from "@kps/service-domain"
import { Effect, Layer } from "effect"
import { fileURLToPath } from "node:url"
import * as DocumentsRun from "../src/domain/DocumentsRun.ts"
import { Away, Domain } from "../src/domain/Domain.ts"
import * as Manifest from "../src/domain/Manifest.ts"
import * as MemoryDomain from "./support/MemoryDomain.ts"

const samples = fileURLToPath(new URL("../../../samples/nats", import.meta.url))

const domain = Layer.fresh(Layer.merge(MemoryDomain.layer, NodeServices.layer))

/** It does what it is asked, and the answer does not arrive. */
const unheard = Effect.map(Domain, (domain) => {
  const { connectorInstance } = domain.documents
  const away = new Away({ url: domain.url, reason: "unreachable", cause: "connection reset" })
  return Domain.of({
    ...domain,
    documents: {
      ...domain.documents,
      connectorInstance: {
        ...connectorInstance,
        create: (value) => Effect.andThen(connectorInstance.create(value), Effect.fail(away))
      }
    }
  })
})

describe("documents that are created", () => {
  it.effect("are taken back, with the one of which it is not known whether it was created", () =>
    Effect.gen(function*() {
      const documents = yield* Documents.Documents
      const filed = yield* Manifest.read(samples)
      const options = { output: "json", dryRun: false, sayUnchanged: true } as const
      const error = yield* DocumentsRun.writeFiled("create", filed, options).pipe(
        Effect.provideServiceEffect(Domain, unheard),
        Effect.flip
      )

      assert.strictEqual(error._tag, "Away")
      const left = yield* Effect.forEach(
        ["connectorInstance", "connectorClass", "project", "category"] as const,
        (kind) => Effect.map(documents.list(kind), ({ length }) => length)
      )
      assert.deepStrictEqual(left, [0, 0, 0, 0])
    }).pipe(Effect.provide(domain)))
})
