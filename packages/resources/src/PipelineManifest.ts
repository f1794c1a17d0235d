/**
 * A data pipeline as a file describes it: by the names of what it is about.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type { Category } from "./Category.ts"
import type { ConnectorStream } from "./ConnectorStream.ts"
import * as DataPipeline from "./DataPipeline.ts"
import * as Fields from "./Fields.ts"
import * as Function from "./Function.ts"
import { door, open, type Rules, subject } from "./internal/resource.ts"
import { isRecord, list } from "./internal/text.ts"
import * as InvalidResource from "./InvalidResource.ts"
import type { Project } from "./Project.ts"
import * as Violation from "./Violation.ts"

const Values = Schema.Array(Fields.Text).check(Schema.isMinLength(1, { expected: "at least one value" }))

const Arg = Schema.Union([Schema.String, Schema.Finite, Schema.Boolean]).annotate({
  expected: "a string, a number or a boolean"
})

const fields = {
  name: Fields.Name,
  project: Fields.Reference,
  description: Schema.String,
  /** Milliseconds between two messages of a topic. */
  samplingIntervalMsec: Schema.optionalKey(
    Schema.Finite.check(Schema.isGreaterThanOrEqualTo(0, { expected: "milliseconds from 0" }))
  ),
  functions: Schema.optionalKey(
    Schema.Array(Schema.Struct({
      name: Fields.Reference,
      args: Schema.optionalKey(Schema.Record(Schema.String, Arg).annotate({ expected: "an object" }))
    }))
  ),
  /** By categories (all of them, and of each any of the values), or another pipeline by name. */
  input: Schema.Struct({
    categorySelectors: Schema.optionalKey(Schema.Record(Schema.String, Values).annotate({ expected: "an object" })),
    dataPipeline: Schema.optionalKey(Fields.Reference)
  }).annotate({ expected: "an object" }),
  output: Schema.Struct({
    localEdge: Schema.optionalKey(
      Schema.Struct({
        type: Schema.Literals(["DataService", "DataInterface", "Connector"]),
        service: Schema.optionalKey(Schema.Literals(["Kafka", "MQTT", "RealTimeStreaming", "ElasticSearch"])),
        endpointName: Fields.Text
      }).annotate({ expected: "an object" })
    ),
    publicCloud: Schema.optionalKey(
      Schema.Struct({
        type: Schema.Literals(["AWS", "GCP", "Azure"]),
        service: Fields.Text,
        region: Schema.optionalKey(Schema.String),
        endpointName: Fields.Text,
        profile: Schema.optionalKey(Fields.Reference)
      }).annotate({ expected: "an object" })
    )
  }).annotate({ expected: "an object" })
}

/**
 * Schema of a pipeline in a file. Keys that it does not know are kept.
 *
 * @category schemas
 * @since 0.1.0
 */
export const PipelineManifest = open(fields)

/**
 * @category models
 * @since 0.1.0
 */
export type PipelineManifest = typeof PipelineManifest.Type

/** Exactly one of two keys of an object. */
const oneOf = (value: unknown, path: string, keys: readonly [string, string]): ReadonlyArray<Violation.Violation> => {
  if (!isRecord(value)) return []
  const given = keys.filter((key) => value[key] !== undefined)
  if (given.length === 1) return []
  const got = given.length === 0 ? "neither" : "both"
  return [{ path, message: `expected either ${keys.map((key) => `"${key}"`).join(" or ")}, got ${got}` }]
}

const outputRules = (output: unknown): ReadonlyArray<Violation.Violation> => {
  if (!isRecord(output)) return []
  const { localEdge, publicCloud } = output
  const violations: Array<Violation.Violation> = []
  if (isRecord(localEdge)) {
    const { service, type } = localEdge
    if (type === "DataService" && service === undefined) {
      violations.push({
        path: "output.localEdge.service",
        message: "expected a service where type is \"DataService\", got none"
      })
    } else if (type === "Connector" && service !== undefined) {
      const expected = "none where type is \"Connector\": endpointName is the egress stream"
      violations.push(Violation.make("output.localEdge.service", expected, service))
    }
  }
  if (isRecord(publicCloud)) {
    const { service, type } = publicCloud
    if (type === "AWS" || type === "GCP" || type === "Azure") {
      const services: ReadonlyArray<unknown> = DataPipeline.cloudServices[type]
      if (typeof service === "string" && !services.includes(service)) {
        const expected = `a service of ${type} (${list(DataPipeline.cloudServices[type])})`
        violations.push(Violation.make("output.publicCloud.service", expected, service))
      }
    }
  }
  return violations
}

const rules: Rules = ({ input, output }) => [
  ...oneOf(input, "input", ["categorySelectors", "dataPipeline"]),
  ...(isRecord(input) && isRecord(input["categorySelectors"]) && Object.keys(input["categorySelectors"]).length === 0
    ? [{ path: "input.categorySelectors", message: "expected at least one category, got none" }]
    : []),
  ...oneOf(output, "output", ["localEdge", "publicCloud"]),
  ...outputRules(output)
]

/**
 * `decode` reads a document and fails with everything that is wrong with it; `encode` gives the document back.
 *
 * @category decoding
 * @since 0.1.0
 */
export const { decode, encode } = door("data pipeline", PipelineManifest, Object.keys(fields), rules)

/**
 * The documents that a pipeline names.
 *
 * @category models
 * @since 0.1.0
 */
export interface Named {
  readonly projects: ReadonlyArray<Project>
  readonly categories: ReadonlyArray<Category>
  readonly functions: ReadonlyArray<Function.Function>
  readonly pipelines: ReadonlyArray<DataPipeline.DataPipeline>
}

const unknown = (path: string, what: string, known: ReadonlyArray<{ readonly name: string }>, got: string) =>
  Violation.make(path, `${what} (known: ${list(known.map(({ name }) => name))})`, got)

type Selectors = NonNullable<PipelineManifest["input"]["categorySelectors"]>

const selectorsOf = (
  selectors: Selectors,
  categories: ReadonlyArray<Category>,
  violations: Array<Violation.Violation>
) =>
  Object.entries(selectors).flatMap(([name, values]) => {
    const path = Violation.path("input.categorySelectors", [name])
    const category = categories.find((category) => category.name === name)
    if (category?.id === undefined) {
      violations.push(unknown(path, "a category", categories, name))
      return []
    }
    const { id } = category
    return values.flatMap((value, n) => {
      if (category.values.includes(value)) return [{ id, value }]
      violations.push(Violation.make(`${path}[${n}]`, `a value of "${name}" (${list(category.values)})`, value))
      return []
    })
  })

const transformationsOf = (
  functions: NonNullable<PipelineManifest["functions"]>,
  known: ReadonlyArray<Function.Function>,
  violations: Array<Violation.Violation>
) =>
  functions.flatMap(({ args = {}, name }, n) => {
    const func = known.find((func) => func.name === name)
    if (func?.id === undefined) {
      violations.push(unknown(`functions[${n}].name`, "a function of the project", known, name))
      return []
    }
    const path = `functions[${n}].args`
    const given = Object.entries(args).map(([name, value]) => ({ name, value, path: Violation.path(path, [name]) }))
    violations.push(...Function.checkArgs(func, given, path))
    return [{
      transformationId: func.id,
      args: given.map(({ name, value }) => ({
        name,
        type: func.params.find((param) => param.name === name)?.type ?? "string",
        value
      }))
    }]
  })

type Output = Pick<
  DataPipeline.DataPipeline,
  | "destination"
  | "edgeStreamType"
  | "endPoint"
  | "cloudType"
  | "awsStreamType"
  | "gcpStreamType"
  | "azStreamType"
  | "awsCloudRegion"
  | "gcpCloudRegion"
  | "cloudCredsId"
>

const find = <S extends string>(services: ReadonlyArray<S>, service: string) => services.find((one) => one === service)

const outputOf = ({ localEdge, publicCloud }: PipelineManifest["output"]): Output => {
  if (publicCloud !== undefined) {
    const { endpointName, profile, region, service, type } = publicCloud
    const { AWS, Azure, GCP } = DataPipeline.cloudServices
    const [aws, gcp, az] = [find(AWS, service), find(GCP, service), find(Azure, service)]
    return {
      destination: "Cloud",
      cloudType: type,
      endPoint: endpointName,
      ...(type === "AWS" && aws !== undefined ? { awsStreamType: aws } : {}),
      ...(type === "GCP" && gcp !== undefined ? { gcpStreamType: gcp } : {}),
      ...(type === "Azure" && az !== undefined ? { azStreamType: az } : {}),
      ...(type === "AWS" && region !== undefined ? { awsCloudRegion: region } : {}),
      ...(type === "GCP" && region !== undefined ? { gcpCloudRegion: region } : {}),
      ...(profile === undefined ? {} : { cloudCredsId: profile })
    }
  }
  const { endpointName = "", service, type } = localEdge ?? {}
  switch (type) {
    case "Connector":
      return { destination: "Edge", edgeStreamType: "Connector", endPoint: endpointName }
    case "DataInterface":
      return { destination: "DataInterface", endPoint: endpointName }
    default: {
      const edgeStreamType = service === undefined || service === "RealTimeStreaming" ? "None" : service
      return { destination: "Edge", edgeStreamType, endPoint: endpointName }
    }
  }
}

/**
 * The pipeline that a file describes.
 *
 * **Details**
 *
 * Fails with everything that is not there or does not fit, by its place in the file: the project, categories and their
 * values, functions of the project and values for their parameters, the pipeline it takes from. With `streams`, the egress
 * streams of the project, the connector's endpoint too. The sampling interval becomes seconds: the original stored the
 * milliseconds as they were.
 *
 * @category converting
 * @since 0.1.0
 */
export const toPipeline = Effect.fnUntraced(function*(
  document: PipelineManifest,
  named: Named & { readonly streams?: ReadonlyArray<ConnectorStream> }
): Effect.fn.Return<DataPipeline.DataPipeline, InvalidResource.InvalidResource> {
  const { description, functions = [], input, output, project: projectName, samplingIntervalMsec = 0, ...rest } =
    document
  const { categorySelectors = {}, dataPipeline } = input
  const violations: Array<Violation.Violation> = []
  const project = named.projects.find(({ name }) => name === projectName)
  if (project?.id === undefined) violations.push(unknown("project", "a project", named.projects, projectName))
  const isOfProject = ({ projectId }: { readonly projectId?: string }) =>
    projectId === undefined || projectId === project?.id
  const pipelines = named.pipelines.filter(isOfProject)
  const origin = pipelines.find(({ name }) => name === dataPipeline)
  if (dataPipeline !== undefined && origin?.id === undefined) {
    violations.push(unknown("input.dataPipeline", "a pipeline of the project", pipelines, dataPipeline))
  }
  const made = {
    ...rest,
    ...outputOf(output),
    description,
    ...(project?.id === undefined ? {} : { projectId: project.id }),
    dataType: "Custom",
    origin: dataPipeline === undefined ? "Data Source" as const : "Data Stream" as const,
    originSelectors: selectorsOf(categorySelectors, named.categories, violations),
    ...(origin?.id === undefined ? {} : { originId: origin.id }),
    size: 0,
    enableSampling: samplingIntervalMsec > 0,
    ...(samplingIntervalMsec > 0 ? { samplingInterval: samplingIntervalMsec / 1000 } : {}),
    transformationArgsList: transformationsOf(functions, named.functions.filter(isOfProject), violations),
    dataRetention: []
  }
  if (named.streams !== undefined) {
    violations.push(...DataPipeline.checkEndpoint(made, named.streams, "output.localEdge.endpointName"))
  }
  yield* InvalidResource.unless(subject("data pipeline", document), violations)
  return made
})

/**
 * A pipeline as a file describes it: with names, and without what a store adds. An id of which there is no document stays
 * an id.
 *
 * @category converting
 * @since 0.1.0
 */
export const fromPipeline = (pipeline: DataPipeline.DataPipeline, named: Named): PipelineManifest => {
  const nameOf = (documents: ReadonlyArray<{ readonly id?: string; readonly name: string }>, id: string) =>
    documents.find((document) => document.id === id)?.name ?? id
  const { description = "", enableSampling, name, originId, originSelectors, samplingInterval = 0 } = pipeline
  const ids = [...new Set(originSelectors.map(({ id }) => id))]
  return {
    name,
    project: nameOf(named.projects, pipeline.projectId ?? ""),
    description,
    ...(enableSampling ? { samplingIntervalMsec: Math.round(samplingInterval * 1000) } : {}),
    functions: pipeline.transformationArgsList.map(({ args, transformationId }) => ({
      name: nameOf(named.functions, transformationId),
      ...(args.length === 0 ? {} : { args: Object.fromEntries(args.map(({ name, value }) => [name, scalar(value)])) })
    })),
    input: originId === undefined
      ? {
        categorySelectors: Object.fromEntries(ids.map((id) => [
          nameOf(named.categories, id),
          originSelectors.flatMap((selector) => selector.id === id ? [selector.value] : [])
        ]))
      }
      : { dataPipeline: nameOf(named.pipelines, originId) },
    output: toOutput(pipeline)
  }
}

const scalar = (value: unknown): string | number | boolean =>
  typeof value === "string" || typeof value === "number" || typeof value === "boolean" ? value : JSON.stringify(value)

const toOutput = (pipeline: DataPipeline.DataPipeline): PipelineManifest["output"] => {
  const { awsCloudRegion, cloudCredsId, cloudType, destination, edgeStreamType, endPoint = "", gcpCloudRegion } =
    pipeline
  if (destination === "Cloud") {
    const region = awsCloudRegion ?? gcpCloudRegion
    return {
      publicCloud: {
        type: cloudType ?? "AWS",
        service: pipeline.awsStreamType ?? pipeline.gcpStreamType ?? pipeline.azStreamType ?? "",
        ...(region === undefined ? {} : { region }),
        endpointName: endPoint,
        ...(cloudCredsId === undefined ? {} : { profile: cloudCredsId })
      }
    }
  }
  if (destination === "DataInterface") return { localEdge: { type: "DataInterface", endpointName: endPoint } }
  if (edgeStreamType === "Connector") return { localEdge: { type: "Connector", endpointName: endPoint } }
  const service = edgeStreamType === undefined || edgeStreamType === "None" ? "RealTimeStreaming" : edgeStreamType
  return { localEdge: { type: "DataService", service, endpointName: endPoint } }
}
