/**
 * The config in force, and how a SetPayload changes it.
 *
 * @since 0.1.0
 */
import type { JsonObject, JsonValue } from "@bufbuild/protobuf"
import type { Connector } from "@kps/connector"
import * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"
import * as Metadata from "./Metadata.ts"
import * as Violation from "./Violation.ts"

/**
 * The config of one payload, and where in the request it is.
 *
 * @category models
 * @since 0.1.0
 */
export interface Given {
  /** `payloads[2].config.metadata` */
  readonly path: string
  readonly metadata: JsonObject
}

/**
 * A config that was checked and is not in force yet.
 *
 * @category models
 * @since 0.1.0
 */
export interface Planned {
  readonly raw: JsonObject
  readonly decoded: Metadata.Decoded
  /** Whether it differs from the one in force. */
  readonly changed: boolean
  /** Whether the definition's `restartOn` asks for it. */
  readonly restart: boolean
}

/**
 * The config of one connector instance. One caller at a time: whoever plans puts before the next one plans.
 *
 * @category models
 * @since 0.1.0
 */
export interface ConfigState {
  /** What GetPayload answers: defaults filled in, secrets hidden. */
  readonly metadata: Effect.Effect<JsonObject>
  /** What the config would be after these payloads, or everything that is wrong with it. Changes nothing. */
  readonly plan: (given: ReadonlyArray<Given>) => Effect.Effect<Planned, ReadonlyArray<Violation.Violation>>
  /** The same of a config that replaces the one in force, whatever the mode. */
  readonly planWhole: (given: Given) => Effect.Effect<Planned, ReadonlyArray<Violation.Violation>>
  /** Puts a planned config in force; running streams get it as a value. */
  readonly put: (planned: Planned) => Effect.Effect<void>
}

/**
 * @category models
 * @since 0.1.0
 */
export interface Options {
  readonly schema: Connector.AnyCodec
  readonly bound: Pick<Connector.Bound<unknown, unknown>, "setConfig">
  readonly restartOn: (before: unknown, after: unknown) => boolean
  readonly mode: "merge" | "replace"
}

/**
 * Makes the state of a connector that no platform has given a config yet: all defaults.
 *
 * **Details**
 *
 * The payloads of a request merge in their order, key by key at the top level, over the value in force as it was given
 * (not as it was decoded: a default does not become a value); in `replace` mode over nothing. A top-level null deletes
 * its key. The whole is decoded or nothing changes.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function*(options: Options): Effect.fn.Return<ConfigState> {
  const codec = Metadata.make(options.schema)
  // `{}` decodes: the type of a definition says so.
  const initial = yield* Effect.orDie(codec.decode({}, (keys) => Violation.path("config", keys)))
  let inForce: { readonly raw: JsonObject; readonly decoded: Metadata.Decoded } = { raw: {}, decoded: initial }

  const plan = Effect.fnUntraced(
    function*(
      base: JsonObject,
      given: ReadonlyArray<Given>
    ): Effect.fn.Return<Planned, ReadonlyArray<Violation.Violation>> {
      const { owners, raw } = merge(base, given)
      const last = given.at(-1)?.path ?? "config"
      const decoded = yield* codec.decode(
        raw,
        (keys) => Violation.path(keys.length === 0 ? last : owners.get(String(keys[0])) ?? last, keys)
      )
      const before = inForce.decoded.value
      const changed = !Equal.equals(raw, inForce.raw) && !Equal.equals(decoded.value, before)
      return { raw, decoded, changed, restart: changed && options.restartOn(before, decoded.value) }
    }
  )

  return {
    metadata: Effect.sync(() => inForce.decoded.metadata),
    plan: (given) => plan(options.mode === "merge" ? inForce.raw : {}, given),
    planWhole: (given) => plan({}, [given]),
    put: Effect.fnUntraced(function*({ changed, decoded, raw }) {
      if (changed) yield* options.bound.setConfig(decoded.value)
      inForce = { raw, decoded }
    })
  }
})

/** The merged value, and for each key that these payloads speak of the last that does. */
const merge = (base: JsonObject, given: ReadonlyArray<Given>) => {
  const merged = new Map<string, JsonValue>(Object.entries(base))
  const owners = new Map<string, string>()
  for (const { metadata, path } of given) {
    for (const [key, value] of Object.entries(metadata)) {
      owners.set(key, path)
      if (value === null) merged.delete(key)
      else merged.set(key, value)
    }
  }
  // Not by assignment: a key may be called __proto__, and is refused later.
  return { raw: Object.fromEntries(merged), owners }
}
