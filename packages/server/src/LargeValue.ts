/**
 * Values of any size in a bucket, whose own values must fit into one message of the broker.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Random from "effect/Random"
import type { Bucket, Entry } from "./Bucket.ts"
import { StateError, Unreadable, ValueTooLarge } from "./StateError.ts"

/**
 * How large values are kept.
 *
 * @category constants
 * @since 0.1.0
 */
export const limits = {
  /** Beyond it a value is kept in parts of this size: half of what a NATS server takes in one message by default. */
  partBytes: 524_288,
  /** The most that is kept under one key. */
  maxBytes: 16_777_216
} as const

/** The first byte of what is under the key when it is no value, but says where the parts of one are. */
const parted = 1

/** Where the parts of a value are: under `<key's kind>-part.<the rest of the key>.<name>.<number>`. */
interface Parts {
  readonly name: string
  readonly count: number
  readonly byteLength: number
}

/**
 * Writes a value as the bucket's `put` does, in parts where it is large. It must not begin with the byte 1: no text does.
 *
 * **Details**
 *
 * The parts are written first, then the key, so that whoever reads has all of the old value or all of the new one. Parts
 * that nothing leads to any more are removed by the next write that has to do with parts; they say after which revision
 * of the key they were written, and those of a write that can still succeed are left alone.
 *
 * @category operations
 * @since 0.1.0
 */
export const put = Effect.fnUntraced(function*(
  bucket: Bucket,
  key: string,
  value: Uint8Array,
  expected: number
): Effect.fn.Return<number, StateError> {
  const { length } = value
  if (length > limits.maxBytes) {
    return yield* new StateError({
      reason: new ValueTooLarge({ bucket: bucket.name, key, byteLength: length, maxBytes: limits.maxBytes })
    })
  }
  const before = expected === 0 ? Option.none() : yield* bucket.get(key)
  const wasParted = Option.exists(before, (entry) => entry.value[0] === parted)
  if (length <= limits.partBytes) {
    const revision = yield* bucket.put(key, value, expected)
    if (wasParted) yield* sweep(bucket, key, expected, "")
    return revision
  }
  const random = yield* Random.nextIntBetween(0, 2 ** 31)
  const name = `${expected}-${(yield* Clock.currentTimeMillis).toString(36)}-${random.toString(36)}`
  const count = Math.ceil(length / limits.partBytes)
  for (let part = 0; part < count; part++) {
    const bytes = value.subarray(part * limits.partBytes, (part + 1) * limits.partBytes)
    yield* bucket.put(partKey(key, name, part), bytes, 0)
  }
  const parts: Parts = { name, count, byteLength: length }
  const head = new TextEncoder().encode(`${String.fromCharCode(parted)}${JSON.stringify(parts)}`)
  const revision = yield* Effect.onError(
    bucket.put(key, head, expected),
    (cause) =>
      // Of any other error it is not known whether the key leads here now.
      cause.reasons.some((reason) => reason._tag === "Fail" && reason.error.reason._tag === "Conflict")
        ? Effect.ignore(removeParts(bucket, key, parts))
        : Effect.void
  )
  yield* sweep(bucket, key, expected, name)
  return revision
})

/**
 * The value of an entry that `put` wrote; nothing when it was overwritten meanwhile: a later one is there, or comes.
 *
 * @category operations
 * @since 0.1.0
 */
export const read = Effect.fnUntraced(function*(
  bucket: Bucket,
  entry: Entry
): Effect.fn.Return<Option.Option<Uint8Array>, StateError> {
  const { key, revision, value } = entry
  if (value[0] !== parted) return Option.some(value)
  const parts = partsOf(value)
  if (parts === undefined) return yield* unreadable(bucket, entry, "it does not say where its parts are")
  const bytes = new Uint8Array(parts.byteLength)
  let at = 0
  for (let part = 0; part < parts.count; part++) {
    const found = yield* bucket.get(partKey(key, parts.name, part))
    if (Option.isNone(found)) {
      const now = yield* bucket.get(key)
      if (Option.exists(now, (same) => same.revision === revision)) {
        return yield* unreadable(bucket, entry, `part ${part} of ${parts.count} is missing`)
      }
      return Option.none()
    }
    if (at + found.value.value.length > bytes.length) break
    bytes.set(found.value.value, at)
    at += found.value.value.length
  }
  return at === bytes.length
    ? Option.some(bytes)
    : yield* unreadable(bucket, entry, `want ${bytes.length} bytes in ${parts.count} parts, got others`)
})

/**
 * The value that is under a key now, with its revision.
 *
 * @category operations
 * @since 0.1.0
 */
export const get = (bucket: Bucket, key: string): Effect.Effect<Option.Option<Entry>, StateError> =>
  Effect.flatMap(
    bucket.get(key),
    Option.match({
      onNone: () => Effect.succeedNone,
      onSome: (entry) =>
        Effect.flatMap(
          read(bucket, entry),
          Option.match({
            onNone: () => get(bucket, key),
            onSome: (value) => Effect.succeedSome({ ...entry, value })
          })
        )
    })
  )

const partsOf = (value: Uint8Array): Parts | undefined => {
  const text = new TextDecoder().decode(value.subarray(1))
  const found = /^\{"name":"([\w-]+)","count":(\d{1,6}),"byteLength":(\d{1,9})\}$/.exec(text)
  if (found === null) return undefined
  const [, name = "", count, byteLength] = found
  return { name, count: Number(count), byteLength: Number(byteLength) }
}

const unreadable = ({ name }: Bucket, { key, revision }: Entry, problem: string) =>
  new StateError({ reason: new Unreadable({ bucket: name, key, revision, problem }) })

const partsOfKey = (key: string): string => {
  const dot = key.indexOf(".")
  return `${key.slice(0, dot)}-part${key.slice(dot)}`
}

const partKey = (key: string, name: string, part: number): string => `${partsOfKey(key)}.${name}.${part}`

const removeParts = (bucket: Bucket, key: string, { count, name }: Parts) =>
  Effect.forEach(Array.from({ length: count }, (_, part) => part), (part) => bucket.remove(partKey(key, name, part)), {
    discard: true
  })

/**
 * Removes the parts of writes that are over. A write that expects a revision after the one that was expected here may
 * be about to lead to its parts; one that does not cannot succeed any more.
 */
const sweep = Effect.fnUntraced(function*(
  bucket: Bucket,
  key: string,
  expected: number,
  keep: string
): Effect.fn.Return<void, StateError> {
  const prefix = `${partsOfKey(key)}.`
  const all = yield* bucket.list(`${prefix}>`)
  for (const { key: part } of all) {
    const name = part.slice(prefix.length).split(".")[0] ?? ""
    if (name !== keep && Number.parseInt(name, 10) <= expected) yield* bucket.remove(part)
  }
}, (sweeping) => Effect.ignore(sweeping))
