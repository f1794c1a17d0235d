/**
 * Documents as rows of tables, in the columns that the original command had.
 *
 * @since 0.1.0
 */
import { PipelineManifest } from "@kps/resources"
import type { Kind } from "@kps/service-domain"
import type { Column } from "../Output.ts"
import type { Beside } from "./Manifest.ts"

type Columns<A> = ReadonlyArray<Column<A>>

/** The names of documents by their ids; an id of which there is no document stays one. */
const namer = (documents: ReadonlyArray<{ readonly id?: string; readonly name: string }>) => (id: string) =>
  documents.find((document) => document.id === id)?.name ?? id

const name = { header: "NAME", cell: ({ name }: { readonly name: string }) => name }
const id = { header: "ID", cell: ({ id }: { readonly id?: string }) => id ?? "" }

/**
 * The columns of each kind.
 *
 * @category columns
 * @since 0.1.0
 */
export const columns = (beside: Beside): { readonly [K in Kind.Kind]: Columns<Kind.Values[K]> } => {
  const projectOf = namer(beside.list("project"))
  const instanceOf = namer(beside.list("connectorInstance"))
  const classOf = namer(beside.list("connectorClass"))
  const categoryOf = namer(beside.list("category"))
  const domainOf = namer(beside.list("serviceDomain"))
  const labels = (infos: ReadonlyArray<{ readonly id: string; readonly value: string }> = []) =>
    infos.map(({ id, value }) => `${categoryOf(id)}=${value}`).join("\n")
  const manifest = (pipeline: Kind.Values["dataPipeline"]) =>
    PipelineManifest.fromPipeline(pipeline, {
      projects: beside.list("project"),
      categories: beside.list("category"),
      functions: beside.list("function"),
      pipelines: beside.list("dataPipeline")
    })
  return {
    category: [
      name,
      { header: "DESCRIPTION", cell: ({ purpose }) => purpose },
      { header: "VALUES", cell: ({ values }) => values.join("\n") },
      id
    ],
    serviceDomain: [
      name,
      { header: "DESCRIPTION", cell: ({ description }) => description ?? "" },
      { header: "LABELS", cell: (domain) => labels(domain.labels) },
      id
    ],
    project: [
      name,
      {
        header: "SVCDOMAINS",
        cell: ({ edgeIds = [], edgeSelectors = [], edgeSelectorType }) =>
          edgeSelectorType === "Explicit" ? edgeIds.map(domainOf).join("\n") : labels(edgeSelectors)
      },
      { header: "CLOUDPROFILES", cell: ({ cloudCredentialIds }) => cloudCredentialIds.join("\n") },
      id
    ],
    connectorClass: [
      name,
      { header: "VERSION", cell: ({ connectorVersion }) => connectorVersion },
      { header: "TYPE", cell: ({ type }) => type },
      id
    ],
    connectorInstance: [
      name,
      { header: "CLASS", cell: ({ connectorClassID }) => classOf(connectorClassID) },
      { header: "PROJECT", cell: ({ projectId }) => projectOf(projectId) },
      id
    ],
    connectorStream: [
      name,
      { header: "INSTANCE", cell: ({ connectorInstanceID }) => instanceOf(connectorInstanceID) },
      { header: "DIRECTION", cell: ({ direction }) => direction },
      { header: "LABELS", cell: (stream) => labels(stream.labels) },
      { header: "STREAM", cell: ({ stream }) => JSON.stringify(stream) },
      id
    ],
    connectorConfig: [
      name,
      { header: "INSTANCE", cell: ({ connectorInstanceID }) => instanceOf(connectorInstanceID) },
      { header: "CONFIG", cell: ({ config }) => JSON.stringify(config) },
      id
    ],
    function: [
      name,
      { header: "PROJECT", cell: ({ projectId = "" }) => projectOf(projectId) },
      { header: "LANGUAGE", cell: ({ language }) => language },
      { header: "ENVIRONMENT", cell: ({ environment }) => environment },
      id
    ],
    dataPipeline: [
      name,
      { header: "PROJECT", cell: ({ projectId = "" }) => projectOf(projectId) },
      { header: "INPUT TYPE", cell: ({ originId }) => originId === undefined ? "categorySelectors" : "dataPipeline" },
      { header: "OUTPUT TYPE", cell: ({ destination }) => destination === "Cloud" ? "publicCloud" : "localEdge" },
      {
        header: "FUNCTIONS",
        cell: (pipeline) => (manifest(pipeline).functions ?? []).map(({ name }) => name).join("\n")
      },
      id
    ]
  }
}
