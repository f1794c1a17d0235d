/** How the broker answers a publish. */
import * as Result from "effect/Result"

export type PubAck =
  | { readonly _tag: "Stored"; readonly sequence: number; readonly duplicate: boolean }
  | { readonly _tag: "Refused"; readonly code: number; readonly problem: string }

export const wrongLastId = 10_070
export const wrongLastSequence = 10_071
/** The stream takes no messages of this size. */
export const tooLarge = 10_054
/** Nobody answered: the stream is not there, or has no leader now. */
export const noResponders = 503

const quote = 0x22
const comma = 0x2c
const brace = 0x7d
const space = 0x20
const zero = 0x30
const nine = 0x39
const start = Uint8Array.from("{\"stream\":\"", (character) => character.charCodeAt(0))
const key = Uint8Array.from("\"seq\":", (character) => character.charCodeAt(0))

/** The sequence of a plain `{"stream":"S","seq":1}`, or -1 for whatever else. */
const plainSequence = (bytes: Uint8Array): number => {
  let i = 0
  for (; i < start.length; i++) if (bytes[i] !== start[i]) return -1
  while (i < bytes.length && bytes[i] !== quote) i++
  if (bytes[i + 1] !== comma) return -1
  i += bytes[i + 2] === space ? 3 : 2
  for (let j = 0; j < key.length; j++, i++) if (bytes[i] !== key[j]) return -1
  let sequence = 0
  for (; i < bytes.length; i++) {
    const byte = bytes[i]!
    if (byte === brace) return i === bytes.length - 1 ? sequence : -1
    if (byte < zero || byte > nine) return -1
    sequence = sequence * 10 + byte - zero
  }
  return -1
}

const field = (value: unknown, key: string): unknown =>
  typeof value === "object" && value !== null ? Reflect.get(value, key) : undefined

const numberOf = (value: unknown): number => typeof value === "number" ? value : 0

const json = (data: Uint8Array): Result.Result<unknown, unknown> =>
  Result.try(() => JSON.parse(new TextDecoder().decode(data)) as unknown)

/** `status` is the one of an answer without a body. `undefined` for what is no answer of the broker at all. */
export const read = (data: Uint8Array, status: number): PubAck | undefined => {
  const sequence = plainSequence(data)
  if (sequence > 0) return { _tag: "Stored", sequence, duplicate: false }
  if (data.length === 0) {
    return status === 0 ? undefined : {
      _tag: "Refused",
      code: status,
      problem: status === noResponders ? "no stream answers" : "an empty answer"
    }
  }
  const answer = Result.getOrUndefined(json(data))
  const error = field(answer, "error")
  if (typeof error === "object" && error !== null) {
    const description = field(error, "description")
    return {
      _tag: "Refused",
      code: numberOf(field(error, "err_code")) || numberOf(field(error, "code")),
      problem: typeof description === "string" ? description : "no reason given"
    }
  }
  const seq = numberOf(field(answer, "seq"))
  if (!Number.isSafeInteger(seq) || seq < 1) return undefined
  return { _tag: "Stored", sequence: seq, duplicate: field(answer, "duplicate") === true }
}
