/**
 * From the documents of a service domain to the pipelines that it runs.
 *
 * @since 0.1.0
 */
import { type Category, type ConnectorStream, DataPipeline, type Function, Placement, Violation } from "@kps/resources"
import { Channel } from "@kps/transport"
import * as Duration from "effect/Duration"
import type { FunctionDescription, Language } from "../functions/FunctionDescription.ts"
import { channelOf, type PipelineDescription, type PipelineInput } from "./PipelineDescription.ts"

/**
 * A connector stream that is in force on the service domain.
 *
 * @category models
 * @since 0.1.0
 */
export interface PlacedStream {
  readonly stream: ConnectorStream.ConnectorStream
  /** The project of its connector instance. */
  readonly projectId: string
  /** What was assigned to it. */
  readonly channel: Channel.ChannelName
}

/**
 * @category models
 * @since 0.1.0
 */
export interface Documents {
  readonly pipelines: ReadonlyArray<DataPipeline.DataPipeline>
  readonly functions: ReadonlyArray<Function.Function>
  readonly categories: ReadonlyArray<Category.Category>
  readonly streams: ReadonlyArray<PlacedStream>
}

/**
 * A pipeline that cannot be run here as its document is.
 *
 * @category models
 * @since 0.1.0
 */
export interface RefusedPipeline {
  readonly id: string
  readonly name: string
  /** Everything that is in the way, with its path in the document. */
  readonly violations: ReadonlyArray<Violation.Violation>
}

/**
 * @category models
 * @since 0.1.0
 */
export interface Resolution {
  readonly pipelines: ReadonlyArray<PipelineDescription>
  readonly refused: ReadonlyArray<RefusedPipeline>
}

/**
 * What to run of the pipelines of these documents. Pure: equal documents give equal descriptions.
 *
 * **Details**
 *
 * A pipeline takes from the ingress streams of its project whose labels fit its selectors (all of its categories, and of
 * each of them one of the values), or from another pipeline, which then puts out to a channel of its own too. It puts out
 * to the egress stream of its project that has the name of its endpoint, or to the NATS topic of that name.
 *
 * Refused are pipelines that name what is not there, or what is not there only once, that put out to a cloud or to a
 * service other than NATS and connectors, that would take what they put out, and those with a function in a language
 * without a runtime. Documents without an id are passed over.
 *
 * @category converting
 * @since 0.1.0
 */
export const resolve = (documents: Documents): Resolution => {
  const pipelines: Array<PipelineDescription> = []
  const refused: Array<RefusedPipeline> = []
  const taken = new Set(documents.pipelines.map(({ originId }) => originId))
  for (const pipeline of documents.pipelines) {
    const { id, name, samplingInterval = 0 } = pipeline
    if (id === undefined) continue
    const violations: Array<Violation.Violation> = []
    const inputs = inputsOf(pipeline, documents, violations)
    const endpoint = endpointOf(pipeline, documents, violations)
    const functions = functionsOf(pipeline, documents, violations)
    if (endpoint !== undefined && inputs.some(({ channel }) => channel === endpoint)) {
      violations.push(Violation.make("endPoint", "a channel that the pipeline does not take from", endpoint))
    }
    if (violations.length > 0 || endpoint === undefined) {
      refused.push({ id, name, violations })
      continue
    }
    pipelines.push({
      id,
      name,
      inputs,
      functions,
      outputs: taken.has(id) ? [endpoint, channelOf(id)] : [endpoint],
      ...(pipeline.enableSampling && samplingInterval > 0
        ? { samplingInterval: Duration.millis(Math.max(1, Math.round(samplingInterval * 1000))) }
        : {})
    })
  }
  return { pipelines, refused }
}

const inputsOf = (
  pipeline: DataPipeline.DataPipeline,
  { categories, pipelines, streams }: Documents,
  violations: Array<Violation.Violation>
): ReadonlyArray<PipelineInput> => {
  const { origin, originId, originSelectors, projectId } = pipeline
  if (origin === "Data Stream") {
    const wrong = DataPipeline.check(pipeline, { categories, functions: [], pipelines, streams: [] })
    violations.push(...wrong.filter(({ path }) => path === "originId"))
    const before = pipelines.find(({ id }) => id !== undefined && id === originId)
    return before?.id === undefined ? [] : [{ channel: channelOf(before.id), topic: before.name, selectors: {} }]
  }
  const inputs = new Map<string, PipelineInput>()
  for (const { channel, projectId: its, stream } of streams) {
    const { direction, labels = [], name } = stream
    if (direction !== "INGRESS" || (projectId !== undefined && its !== projectId) || inputs.has(channel)) continue
    if (!Placement.selects(originSelectors, labels)) continue
    inputs.set(channel, { channel, topic: name, selectors: selectorsOf(labels, categories) })
  }
  return [...inputs.values()].toSorted((a, b) => (a.channel < b.channel ? -1 : 1))
}

const selectorsOf = (
  labels: NonNullable<ConnectorStream.ConnectorStream["labels"]>,
  categories: ReadonlyArray<Category.Category>
): Readonly<Record<string, string>> =>
  Object.fromEntries(labels.flatMap(({ id, value }) => {
    const name = categories.find((category) => category.id === id)?.name
    return name === undefined ? [[id, value]] : [[id, value], [name, value]]
  }))

const endpointOf = (
  { cloudType, destination, edgeStreamType, endPoint = "", projectId }: DataPipeline.DataPipeline,
  { streams }: Documents,
  violations: Array<Violation.Violation>
): Channel.ChannelName | undefined => {
  if (destination !== "Edge") {
    violations.push(
      Violation.make("destination", "\"Edge\": there is no other one on this service domain", cloudType ?? destination)
    )
    return undefined
  }
  if (edgeStreamType === "Connector") {
    const its = streams.filter((one) => projectId === undefined || one.projectId === projectId)
    const missing = DataPipeline.checkEndpoint(
      { edgeStreamType, endPoint },
      its.map(({ stream }) => stream),
      "endPoint"
    )
    violations.push(...missing)
    const [first, ...others] = its.filter(({ stream }) => stream.name === endPoint && stream.direction === "EGRESS")
    if (others.length === 0) return first?.channel
    const expected = `a name that one egress stream of the project has, ${others.length + 1} have it`
    violations.push(Violation.make("endPoint", expected, endPoint))
    return undefined
  }
  if (edgeStreamType !== "None") {
    const expected = "\"Connector\" or \"None\" (a NATS topic): there is no other service on this service domain"
    violations.push(Violation.make("edgeStreamType", expected, edgeStreamType))
    return undefined
  }
  const problem = endPoint.startsWith("kps.pipeline.")
    ? "names that begin with \"kps.pipeline.\" are for what pipelines take from each other"
    : Channel.problemOf(endPoint)
  if (problem === undefined) return Channel.ChannelName.make(endPoint)
  violations.push(Violation.make("endPoint", `the name of a NATS topic (${problem})`, endPoint))
  return undefined
}

const functionsOf = (
  { transformationArgsList }: DataPipeline.DataPipeline,
  { functions }: Documents,
  violations: Array<Violation.Violation>
): ReadonlyArray<FunctionDescription> =>
  transformationArgsList.flatMap(({ args, transformationId }, n) => {
    const path = `transformationArgsList[${n}].transformationId`
    const func = functions.find(({ id }) => id !== undefined && id === transformationId)
    if (func === undefined) {
      violations.push(Violation.make(path, "the id of a function", transformationId))
      return []
    }
    const language = languageOf(func)
    if (language === undefined) {
      const expected = "a function in python 3 or node: there is no other runtime on this service domain"
      violations.push(Violation.make(path, expected, func.environment))
      return []
    }
    const params = Object.fromEntries(args.map(({ name, value }) => [
      name,
      typeof value === "string" ? value : JSON.stringify(value)
    ]))
    return [{ id: transformationId, name: func.name, language, code: func.code, params }]
  })

const languageOf = ({ environment, language }: Function.Function): Language | undefined =>
  language === "golang" || environment === "python2-env" ? undefined : language
