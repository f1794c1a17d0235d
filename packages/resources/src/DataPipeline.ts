/**
 * A data pipeline: what it takes in, the functions that each message goes through, and where it puts them out.
 *
 * A file describes it by names: see `PipelineManifest`.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import * as Category from "./Category.ts"
import type { ConnectorStream } from "./ConnectorStream.ts"
import * as Fields from "./Fields.ts"
import * as Function from "./Function.ts"
import { door, open, type Rules } from "./internal/resource.ts"
import { list } from "./internal/text.ts"
import * as Violation from "./Violation.ts"

/**
 * The services of each cloud that a pipeline can put out to.
 *
 * @category models
 * @since 0.1.0
 */
export const cloudServices = {
  AWS: ["Kinesis", "SQS", "S3", "DynamoDB"],
  GCP: ["PubSub", "CloudDatastore", "CloudSQL", "CloudStorage"],
  Azure: ["Blob"]
} as const

/** The field that names the service of a cloud. */
const serviceFields = { AWS: "awsStreamType", GCP: "gcpStreamType", Azure: "azStreamType" } as const

// by itself: within `optionalKey` its literals would be inferred as strings
const EdgeStreamType = Fields.spellings(
  ["Kafka", "ElasticSearch", "MQTT", "None", "Connector"],
  { DataDriver: "Connector" }
)

const fields = {
  ...Fields.base(36),
  name: Fields.Name,
  description: Schema.optionalKey(Schema.String),
  projectId: Schema.optionalKey(Fields.Reference),
  dataType: Schema.String,
  /** "Data Source": streams by their labels (`originSelectors`); "Data Stream": another pipeline (`originId`). */
  origin: Schema.Literals(["Data Source", "Data Stream"]),
  originSelectors: Schema.Array(Fields.CategoryInfo),
  originId: Schema.optionalKey(Fields.Reference),
  destination: Schema.Literals(["Edge", "Cloud", "DataInterface"]),
  /** What takes it on the service domain. "None": NATS, on the subject `endPoint`. "Connector": the egress stream `endPoint`. */
  edgeStreamType: Schema.optionalKey(EdgeStreamType),
  endPoint: Schema.optionalKey(Schema.String),
  endPointURI: Schema.optionalKey(Schema.String),
  cloudType: Schema.optionalKey(Schema.Literals(["AWS", "GCP", "Azure"])),
  awsStreamType: Schema.optionalKey(Schema.Literals(cloudServices.AWS)),
  gcpStreamType: Schema.optionalKey(Schema.Literals(cloudServices.GCP)),
  azStreamType: Schema.optionalKey(Schema.Literals(cloudServices.Azure)),
  awsCloudRegion: Schema.optionalKey(Schema.String),
  gcpCloudRegion: Schema.optionalKey(Schema.String),
  cloudCredsId: Schema.optionalKey(Fields.Reference),
  size: Schema.Finite,
  enableSampling: Schema.Boolean,
  /** Seconds between two messages of a topic. */
  samplingInterval: Schema.optionalKey(
    Schema.Finite.check(Schema.isGreaterThanOrEqualTo(0, { expected: "seconds from 0" }))
  ),
  /** The functions in their order, with a value for each of their parameters. */
  transformationArgsList: Schema.Array(Schema.Struct({
    transformationId: Fields.Reference,
    args: Schema.Array(Schema.Struct({ name: Fields.Text, type: Schema.String, value: Schema.Json }))
  })),
  dataRetention: Schema.Array(Schema.Struct({ type: Schema.Literals(["Time", "Size"]), limit: Schema.Finite }))
}

/**
 * Schema of a pipeline. Keys that it does not know are kept; the edge stream type DataDriver is read as Connector.
 *
 * @category schemas
 * @since 0.1.0
 */
export const DataPipeline = open(fields)

/**
 * @category models
 * @since 0.1.0
 */
export type DataPipeline = typeof DataPipeline.Type

const isSet = (value: unknown) => value !== undefined && value !== "" && !(Array.isArray(value) && value.length === 0)

const wanted = (path: string, what: string): Violation.Violation => ({ path, message: `expected ${what}, got none` })

const originRules: Rules = ({ origin, originId, originSelectors }) => {
  switch (origin) {
    case "Data Source":
      return [
        ...(isSet(originSelectors) ? [] : [wanted("originSelectors", "at least one selector")]),
        ...(isSet(originId) ? [Violation.make("originId", "none where origin is \"Data Source\"", originId)] : [])
      ]
    case "Data Stream":
      return [
        ...(isSet(originId) ? [] : [wanted("originId", "the id of the pipeline that it takes from")]),
        ...(isSet(originSelectors)
          ? [Violation.make("originSelectors", "none where origin is \"Data Stream\"", originSelectors)]
          : [])
      ]
    default:
      return []
  }
}

const destinationRules: Rules = (document) => {
  const { cloudType, destination, edgeStreamType, endPoint } = document
  const isNamed = edgeStreamType === "Connector" || edgeStreamType === "DataDriver" || edgeStreamType === "None"
  switch (destination) {
    case "Edge":
      return [
        ...(isSet(edgeStreamType) ? [] : [wanted("edgeStreamType", "what takes it on the service domain")]),
        ...(isNamed && !isSet(endPoint) ? [wanted("endPoint", "the name of its endpoint")] : [])
      ]
    case "Cloud": {
      if (cloudType !== "AWS" && cloudType !== "GCP" && cloudType !== "Azure") {
        return isSet(cloudType) ? [] : [wanted("cloudType", "the cloud that it goes to")]
      }
      const field = serviceFields[cloudType]
      return isSet(document[field])
        ? []
        : [wanted(field, `a service of ${cloudType} (${list(cloudServices[cloudType])})`)]
    }
    default:
      return []
  }
}

/**
 * `decode` reads a document and fails with everything that is wrong with it; `encode` gives the document back.
 *
 * @category decoding
 * @since 0.1.0
 */
export const { decode, encode } = door("data pipeline", DataPipeline, Object.keys(fields), (document) => [
  ...originRules(document),
  ...destinationRules(document)
])

/**
 * What is wrong with a pipeline beside the documents of its project: categories and their values, functions and values for
 * their parameters, the pipeline it takes from (not itself, over however many others), and the stream it puts out to (an
 * egress stream of that name).
 *
 * @category checking
 * @since 0.1.0
 */
export const check = (
  pipeline: DataPipeline,
  { categories, functions, pipelines, streams }: {
    readonly categories: ReadonlyArray<Category.Category>
    readonly functions: ReadonlyArray<Function.Function>
    readonly pipelines: ReadonlyArray<DataPipeline>
    readonly streams: ReadonlyArray<ConnectorStream>
  }
): ReadonlyArray<Violation.Violation> => [
  ...Category.checkInfos(pipeline.originSelectors, categories, "originSelectors"),
  ...checkOrigin(pipeline, pipelines),
  ...checkEndpoint(pipeline, streams, "endPoint"),
  ...pipeline.transformationArgsList.flatMap(({ args, transformationId }, n) => {
    const path = `transformationArgsList[${n}]`
    const func = functions.find(({ id }) => id === transformationId)
    return func === undefined
      ? [Violation.make(`${path}.transformationId`, "the id of a function", transformationId)]
      : Function.checkArgs(func, args.map((arg, m) => ({ ...arg, path: `${path}.args[${m}]` })), `${path}.args`)
  })
]

const checkOrigin = (pipeline: DataPipeline, pipelines: ReadonlyArray<DataPipeline>) => {
  if (pipeline.originId === undefined) return []
  const find = (wanted: string | undefined) => pipelines.find(({ id }) => id !== undefined && id === wanted)
  if (find(pipeline.originId) === undefined) {
    return [Violation.make("originId", "the id of a pipeline", pipeline.originId)]
  }
  const seen = new Set([pipeline.id])
  for (let at: string | undefined = pipeline.originId; at !== undefined; at = find(at)?.originId) {
    if (seen.has(at)) {
      return [Violation.make("originId", "a pipeline that does not take from this one", pipeline.originId)]
    }
    seen.add(at)
  }
  return []
}

/**
 * What is wrong with the endpoint of a pipeline that puts out to a connector.
 *
 * @category checking
 * @since 0.1.0
 */
export const checkEndpoint = (
  { edgeStreamType, endPoint = "" }: Pick<DataPipeline, "edgeStreamType" | "endPoint">,
  streams: ReadonlyArray<ConnectorStream>,
  path: string
): ReadonlyArray<Violation.Violation> => {
  if (edgeStreamType !== "Connector") return []
  const [first, ...others] = streams.filter(({ name }) => name === endPoint)
  if (first === undefined) {
    const known = streams.filter(({ direction }) => direction === "EGRESS").map(({ name }) => name)
    return [Violation.make(path, `the name of an egress stream (known: ${list(known)})`, endPoint)]
  }
  return [first, ...others].some(({ direction }) => direction === "EGRESS")
    ? []
    : [Violation.make(path, "the name of an egress stream: this one is an ingress stream", endPoint)]
}
