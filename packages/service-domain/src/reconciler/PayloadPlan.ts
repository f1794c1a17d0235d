/**
 * Which requests bring a connector to what it is to run.
 *
 * @since 0.1.0
 */
import type { JsonObject, MessageInitShape } from "@bufbuild/protobuf"
import { type PayloadSchema, StreamDirection } from "@kps/idl"
import { isDeepStrictEqual } from "node:util"
import type { InstancePlan, StreamPlan } from "./DomainPlan.ts"

/**
 * @category models
 * @since 0.1.0
 */
export type Payload = MessageInitShape<typeof PayloadSchema>

/**
 * What a connector is to run.
 *
 * @category models
 * @since 0.1.0
 */
export interface Wanted {
  /** Absent: the config stays as it is. */
  readonly config?: InstancePlan["config"] | undefined
  readonly streams: InstancePlan["streams"]
}

/**
 * One SetPayload, and which stream each of its payloads is for; the config's is `undefined`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Request {
  readonly payloads: ReadonlyArray<Payload>
  readonly streams: ReadonlyArray<StreamPlan | undefined>
}

/**
 * What is known of a connector.
 *
 * @category models
 * @since 0.1.0
 */
export interface Known {
  /** The config that it has. A key of it that is not wanted is deleted. */
  readonly config: JsonObject
  /** The streams that it was sent last; none known: absent. */
  readonly streams?: ReadonlyArray<StreamPlan> | undefined
  /**
   * Whether it restarts a stream that changed. Connectors made from the original template do not: they go on as before, and
   * report the new values all the same.
   */
  readonly restartsChanged: boolean
}

/**
 * The requests, in their order.
 *
 * **Details**
 *
 * The last one has the full set of streams and the whole config, with `null` for each key that is gone. A connector takes
 * a request without streams for one that leaves them alone: so going to zero streams is an empty request first, then the
 * config. For a connector that does not restart streams that changed, a first request leaves these out.
 *
 * @category constructors
 * @since 0.1.0
 */
export const requests = ({ config, streams }: Wanted, known: Known): ReadonlyArray<Request> => {
  const wanted = config === undefined ? {} : configWith(config, known.config)
  const configs = Object.keys(wanted).length === 0 ? [] : [wanted]
  if (streams.length === 0) return [request([], []), ...configs.map((one) => request([one], []))]
  const full = request(configs, streams)
  const before = new Map((known.restartsChanged ? [] : known.streams ?? []).map((stream) => [stream.id, stream]))
  const changed = streams.filter((stream) => {
    const was = before.get(stream.id)
    return was !== undefined && !isDeepStrictEqual(was, stream)
  })
  if (changed.length === 0) return [full]
  return [request([], streams.filter((stream) => before.has(stream.id) && !changed.includes(stream))), full]
}

/** Without a prototype: a key may be called `__proto__`. */
const configWith = (wanted: JsonObject, has: JsonObject): JsonObject =>
  Object.fromEntries([
    ...Object.keys(has).filter((key) => has[key] !== null && !Object.hasOwn(wanted, key)).map((key) => [key, null]),
    ...Object.entries(wanted)
  ])

const request = (configs: ReadonlyArray<JsonObject>, streams: ReadonlyArray<StreamPlan>): Request => ({
  payloads: [
    ...configs.map((metadata): Payload => ({ object: { case: "config", value: { metadata } } })),
    ...streams.map(payloadOf)
  ],
  streams: [...configs.map(() => undefined), ...streams]
})

const payloadOf = ({ channel, direction, id, metadata }: StreamPlan): Payload => ({
  object: {
    case: "stream",
    value: { id, direction: StreamDirection[direction], transportChannel: channel, metadata }
  }
})

/**
 * The plan without what a connector refused, by the paths of its violations (`payloads[2].stream.…`), and what was wrong
 * with each stream, or with the config, under `""`. Nothing when a path leads to no payload: then the request as a whole
 * is wrong.
 *
 * @category converting
 * @since 0.1.0
 */
export const without = (
  wanted: Wanted,
  { streams }: Request,
  violations: ReadonlyArray<{ readonly field: string; readonly description: string }>
): { readonly plan: Wanted; readonly refused: ReadonlyMap<string, string> } | undefined => {
  const refused = new Map<string, string>()
  for (const { description, field } of violations) {
    const index = /^payloads\[(\d+)\]\.?(?:stream|config)?\.?(.*)$/s.exec(field)
    if (index === null || Number(index[1]) >= streams.length) return undefined
    const id = streams[Number(index[1])]?.id ?? ""
    const text = index[2] === "" ? description : `${index[2]}: ${description}`
    refused.set(id, refused.has(id) ? `${refused.get(id)}; ${text}` : text)
  }
  if (refused.size === 0) return undefined
  return {
    plan: {
      config: refused.has("") ? undefined : wanted.config,
      streams: wanted.streams.filter(({ id }) => !refused.has(id))
    },
    refused
  }
}
