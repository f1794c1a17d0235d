/**
 * Spans at the boundaries: of calls, and of the beginnings and ends of streams. None is made per message.
 *
 * @since 0.1.0
 */
import { ConnectorService } from "@kps/idl"
import * as Effect from "effect/Effect"
import * as Tracer from "effect/Tracer"
import type { Rpc } from "./ContractTable.ts"
import * as SpanErrors from "./SpanErrors.ts"
import type { StreamCounts } from "./StreamCounts.ts"
import type { StreamSpec } from "./StreamSpec.ts"

/**
 * The span of a call, with the caller's as its parent where the call says so (`traceparent`).
 *
 * @category constructors
 * @since 0.1.0
 */
export const call = <A, E, R>(
  rpc: Rpc,
  headers: Pick<Headers, "get">,
  effect: Effect.Effect<A, E, R>
): Effect.Effect<A, E, Exclude<R, Tracer.ParentSpan>> => {
  const parent = caller(headers.get("traceparent"))
  return Effect.withSpan(effect, `${ConnectorService.typeName}/${rpc}`, {
    kind: "server",
    attributes: { "rpc.system": "grpc", "rpc.service": ConnectorService.typeName, "rpc.method": rpc },
    ...(parent === undefined ? { root: true } : { parent })
  }).pipe(SpanErrors.masked)
}

/**
 * What the call came to, as the contract names it, on its span.
 *
 * @category constructors
 * @since 0.1.0
 */
export const answered = (code: string): Effect.Effect<void> => Effect.annotateCurrentSpan("kps.response_code", code)

/**
 * The span of one try to open a stream: the outside, and for an egress stream its subscription.
 *
 * @category constructors
 * @since 0.1.0
 */
export const opening = <A, E, R>(
  spec: StreamSpec,
  effect: Effect.Effect<A, E, R>
): Effect.Effect<A, E, Exclude<R, Tracer.ParentSpan>> =>
  SpanErrors.masked(Effect.withSpan(effect, "stream open", { root: true, attributes: attributesOf(spec) }))

/**
 * The span of an open stream, from its opening until it ends, fails or is stopped, with what went through it meanwhile.
 *
 * @category constructors
 * @since 0.1.0
 */
export const running = <A, E, R>(
  spec: StreamSpec,
  { stats }: StreamCounts,
  effect: Effect.Effect<A, E, R>
): Effect.Effect<A, E, Exclude<R, Tracer.ParentSpan>> =>
  Effect.suspend(() => {
    const { dropped, failed, published, received, delivered } = stats
    const counted = Effect.suspend(() =>
      Effect.annotateCurrentSpan({
        "kps.messages.received": stats.received - received,
        "kps.messages.published": stats.published - published,
        "kps.messages.delivered": stats.delivered - delivered,
        "kps.messages.failed": stats.failed - failed,
        "kps.messages.dropped": stats.dropped - dropped
      })
    )
    return Effect.ensuring(effect, counted)
  }).pipe(Effect.withSpan("stream run", { root: true, attributes: attributesOf(spec) }), SpanErrors.masked)

const attributesOf = ({ channel, direction, id }: StreamSpec) => ({
  "kps.stream.id": id,
  "kps.stream.direction": direction.toLowerCase(),
  "messaging.destination.name": channel
})

const caller = (traceparent: string | null): Tracer.ExternalSpan | undefined => {
  const [, traceId, spanId, flags] = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/u.exec(traceparent ?? "") ?? []
  if (traceId === undefined || spanId === undefined || /^0+$/u.test(traceId) || /^0+$/u.test(spanId)) return undefined
  return Tracer.externalSpan({ traceId, spanId, sampled: (Number.parseInt(flags ?? "0", 16) & 1) === 1 })
}
