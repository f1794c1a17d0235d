/** A service domain without HTTP: the documents' own rules, behind the client's interface. */
import { Documents, type Kind } from "@kps/service-domain"
import { Effect, Layer, Stream } from "effect"
import { Away, type Collection, Domain, Refused } from "../../src/domain/Domain.ts"

const url = "memory:"
const away = new Away({ url, reason: "unreachable", cause: "no HTTP" })

const collection = <K extends Kind.Kind>(
  documents: Documents.Documents["Service"],
  kind: K
): Collection<Kind.Values[K]> => {
  const refused = Effect.mapError(({ message }: { readonly message: string }) =>
    new Refused({ status: 400, problem: message, problems: [] })
  )
  return {
    create: (value) => Effect.map(refused(documents.create(kind, value)), ({ id }) => id),
    get: (id) => Effect.map(refused(documents.get(kind, id)), ({ value }) => value),
    update: (id, value) => Effect.asVoid(refused(documents.update(kind, id, value))),
    delete: (id) => Effect.as(refused(documents.delete(kind, id)), true),
    all: Effect.map(refused(documents.list(kind)), (found) => found.map(({ value }) => value))
  }
}

/** The service domain, and its documents for a test to look at. */
export const layer = Layer.effect(
  Domain,
  Documents.Documents.useSync((documents) =>
    Domain.of({
      url,
      documents: {
        category: collection(documents, "category"),
        connectorClass: collection(documents, "connectorClass"),
        connectorConfig: collection(documents, "connectorConfig"),
        connectorInstance: collection(documents, "connectorInstance"),
        connectorStream: collection(documents, "connectorStream"),
        dataPipeline: collection(documents, "dataPipeline"),
        function: collection(documents, "function"),
        project: collection(documents, "project"),
        serviceDomain: collection(documents, "serviceDomain")
      },
      call: () => Effect.fail(away),
      operate: () => Effect.fail(away),
      follow: () => Stream.fail(away)
    })
  )
).pipe(Layer.provideMerge(Documents.layerMemory))
