/**
 * What the platform's REST API has no words for: what runs on a service domain at this moment, logs, and messages as they
 * pass. For `kps top`, `kps logs` and `kps tap`, which are other processes.
 *
 * Served beside `Api`, under `/kps/v1/`, with the same tokens and the same errors. A client is
 * `HttpApiClient.make(OperatorApi)`.
 *
 * @since 0.1.0
 */
import * as HttpApi from "effect/http-api/HttpApi"
import * as HttpApiEndpoint from "effect/http-api/HttpApiEndpoint"
import * as HttpApiGroup from "effect/http-api/HttpApiGroup"
import * as HttpApiSchema from "effect/http-api/HttpApiSchema"
import * as OpenApi from "effect/http-api/OpenApi"
import * as Schema from "effect/Schema"
import * as ApiError from "./ApiError.ts"
import { Authorization, SchemaErrors } from "./Authorization.ts"
import * as OperatorViews from "./OperatorViews.ts"

const params = { id: Schema.String }

const error = ApiError.all

/**
 * How log lines are asked for.
 *
 * @category schemas
 * @since 0.1.0
 */
export const LogQuery = {
  /** Only lines behind this sequence. Default: all that are kept. */
  after: Schema.optionalKey(Schema.Int.check(Schema.isGreaterThanOrEqualTo(0))),
  /** "true": goes on with lines as they are written, and does not end. Default: "false". */
  follow: Schema.optionalKey(Schema.Literals(["true", "false"]))
}

const lines = HttpApiSchema.StreamNdjson({ schema: OperatorViews.LogLine })
const messages = HttpApiSchema.StreamNdjson({ schema: OperatorViews.TappedMessage })

const TapQuery = {
  /** Ends after so many messages. Default: it does not end. */
  count: Schema.optionalKey(Schema.Int.check(Schema.isGreaterThanOrEqualTo(1)))
}

/**
 * What an operator asks for. Lists and lines are JSON; logs and taps are JSON lines (`application/x-ndjson`), as they come.
 *
 * **Details**
 *
 * - `overview`: everything that runs here. With `figures=true`, what passes on each channel too: the first call begins
 *   to count. Figures cost the broker and this process a second copy of all messages, for ten seconds after each call.
 * - `instanceLogs`, `pipelineLogs`: the last 1,000 lines of a connector, or of each function. Those of an instance that
 *   another process runs are there.
 * - `tapStream`, `tapPipeline`: messages on the channel of a stream, or on those that a pipeline puts out to, from now
 *   on, redacted. It takes nothing from anybody, and what comes faster than it is read is left out and counted.
 *
 * @category api
 * @since 0.1.0
 */
export const operator = HttpApiGroup.make("operator").add(
  HttpApiEndpoint.get("overview", "/kps/v1/overview", {
    query: { figures: Schema.optionalKey(Schema.Literals(["true", "false"])) },
    success: OperatorViews.Overview,
    error
  }),
  HttpApiEndpoint.get("instance", "/kps/v1/instances/:id", { params, success: OperatorViews.InstanceView, error }),
  HttpApiEndpoint.get("instanceLogs", "/kps/v1/instances/:id/logs", { params, query: LogQuery, success: lines, error }),
  HttpApiEndpoint.get("pipeline", "/kps/v1/pipelines/:id", { params, success: OperatorViews.PipelineView, error }),
  HttpApiEndpoint.get("pipelineLogs", "/kps/v1/pipelines/:id/logs", {
    params,
    query: { ...LogQuery, function: Schema.optionalKey(Schema.String) },
    success: lines,
    error
  }),
  HttpApiEndpoint.get("tapStream", "/kps/v1/streams/:id/tap", { params, query: TapQuery, success: messages, error }),
  HttpApiEndpoint.get("tapPipeline", "/kps/v1/pipelines/:id/tap", { params, query: TapQuery, success: messages, error })
).annotateMerge(OpenApi.annotations({ description: "What runs on a service domain at this moment." }))

/**
 * The operator's API.
 *
 * @category api
 * @since 0.1.0
 */
export class OperatorApi extends HttpApi.make("kpsOperator")
  .add(operator)
  .middleware(Authorization)
  .middleware(SchemaErrors)
  .annotateMerge(OpenApi.annotations({
    title: "KPS service domain, for operators",
    version: "1.0",
    description: "What runs on a service domain at this moment, logs, and messages as they pass."
  }))
{}
