/**
 * What the operator's API does.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as HttpApiBuilder from "effect/http-api/HttpApiBuilder"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { Operator } from "../operator/Operator.ts"
import { codes, NotFound } from "./ApiError.ts"
import { OperatorApi } from "./OperatorApi.ts"

const found = <A>(what: string, id: string, effect: Effect.Effect<Option.Option<A>>): Effect.Effect<A, NotFound> =>
  Effect.flatMap(
    effect,
    Option.match({
      onSome: Effect.succeed,
      onNone: () => {
        const message = `no ${what} with id ${JSON.stringify(id.slice(0, 200))} on this service domain`
        return Effect.fail(new NotFound({ statusCode: 404, errorCode: codes.notFound, message }))
      }
    })
  )

const limit = <A>(count: number | undefined) => (stream: Stream.Stream<A>): Stream.Stream<A> =>
  count === undefined ? stream : Stream.take(stream, count)

const logOptions = ({ after, follow }: { readonly after?: number; readonly follow?: "true" | "false" }) => ({
  after,
  follow: follow === "true"
})

/**
 * Layer with what every call does. Middleware is that of the platform's API.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = HttpApiBuilder.group(OperatorApi, "operator", (group) =>
  Effect.map(Operator, (operator) =>
    group
      .handle("overview", ({ query }) => operator.overview({ figures: query.figures === "true" }))
      .handle("instance", ({ params: { id } }) => found("connector instance", id, operator.instance(id)))
      .handle(
        "instanceLogs",
        ({ params: { id }, query }) => found("connector instance", id, operator.instanceLogs(id, logOptions(query)))
      )
      .handle("pipeline", ({ params: { id } }) => found("data pipeline", id, operator.pipeline(id)))
      .handle(
        "pipelineLogs",
        ({ params: { id }, query }) =>
          found("data pipeline", id, operator.pipelineLogs(id, { ...logOptions(query), function: query.function }))
      )
      .handle(
        "tapStream",
        ({ params: { id }, query }) =>
          Effect.map(found("connector stream", id, operator.tapStream(id)), limit(query.count))
      )
      .handle(
        "tapPipeline",
        ({ params: { id }, query }) =>
          Effect.map(found("data pipeline", id, operator.tapPipeline(id)), limit(query.count))
      )))
