/** Dead letters within one process. */
import type { Transport } from "@kps/transport"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { DeadLetterError, NotFound, NotReplayed } from "../DeadLetterError.ts"
import type { Bounds, DeadLetter, DeadLetters, Letter, Which } from "../DeadLetters.ts"

interface Kept {
  readonly addedAtMillis: number
  letter: DeadLetter
}

interface Shelf {
  readonly kept: Map<string, Kept>
  readonly keys: Set<string>
  bytes: number
  last: number
}

export const make = (transport: Transport.Transport["Service"], bounds: Bounds): DeadLetters["Service"] => {
  const { maxAge = "7 days", maxBytes = 16_777_216 } = bounds
  const maxAgeMillis = Duration.toMillis(maxAge)
  const shelves = new Map<string, Shelf>()

  const shelfOf = (instance: string): Shelf => {
    const shelf = shelves.get(instance) ?? { kept: new Map(), keys: new Set(), bytes: 0, last: 0 }
    shelves.set(instance, shelf)
    return shelf
  }

  const put = (shelf: Shelf, letter: Letter, now: number): void => {
    if (shelf.keys.has(letter.key)) return
    const id = String(++shelf.last)
    // Copied: a payload is a view of all that came with it.
    const bytes = new Uint8Array(letter.bytes)
    shelf.keys.add(letter.key)
    shelf.bytes += sizeOf(letter)
    shelf.kept.set(id, { addedAtMillis: now, letter: { ...letter, bytes, id, byteLength: bytes.length, replays: 0 } })
  }

  const take = (shelf: Shelf, { id, key, ...letter }: DeadLetter): void => {
    shelf.kept.delete(id)
    shelf.keys.delete(key)
    shelf.bytes -= sizeOf(letter)
  }

  const evict = (shelf: Shelf, now: number): number => {
    let evicted = 0
    for (const { addedAtMillis, letter } of shelf.kept.values()) {
      const tooMuch = shelf.bytes > maxBytes && shelf.kept.size > 1
      if (!tooMuch && now - addedAtMillis < maxAgeMillis) break
      take(shelf, letter)
      evicted++
    }
    return evicted
  }

  const replay: DeadLetters["Service"]["replay"] = Effect.fnUntraced(function*(instance, id, { again = false } = {}) {
    const kept = shelfOf(instance).kept.get(id)
    if (kept === undefined) return yield* new DeadLetterError({ reason: new NotFound({ instance, id }) })
    const { bytes, channel, kind, replays, timestampNanos } = kept.letter
    if (replays > 0 && !again) return { outcome: "before", replays }
    const failed = (cause: Error) => new DeadLetterError({ reason: new NotReplayed({ channel, id, cause }) })
    if (kind === "frame") return yield* failed(new Error("a frame that is no message can only be sent to a broker"))
    yield* Effect.mapError(transport.publishConfirmed(channel, [{ payloads: [bytes], timestampNanos }]), failed)
    kept.letter = { ...kept.letter, replays: replays + 1 }
    return { outcome: "sent", replays: replays + 1 }
  })

  return {
    place: "memory",
    add: (letters) =>
      Effect.map(Clock.currentTimeMillis, (now) => {
        const shelf = shelfOf(letters[0].instance)
        for (const letter of letters) put(shelf, letter, now)
        return evict(shelf, now)
      }),
    list: (instance, { after, limit = 100, stream } = {}) =>
      Effect.sync(() => {
        const from = after === undefined ? 0 : Number(after)
        const most = Math.min(limit, 1_000)
        const found = Array.from(shelfOf(instance).kept.values(), ({ letter }) => letter).filter((letter) =>
          Number(letter.id) > from && (stream === undefined || letter.stream === stream)
        )
        const letters = found.slice(0, most).map(({ bytes: _, ...summary }) => summary)
        return { letters, unreadable: [], ...(found.length > most ? { next: letters.at(-1)!.id } : {}) }
      }),
    get: (instance, id) =>
      Effect.sync(() => Option.map(Option.fromUndefinedOr(shelfOf(instance).kept.get(id)), ({ letter }) => letter)),
    replay,
    purge: (instance, which) =>
      Effect.sync(() => {
        const shelf = shelfOf(instance)
        const chosen = Array.from(shelf.kept.values(), ({ letter }) => letter).filter((letter) => isOf(letter, which))
        for (const letter of chosen) take(shelf, letter)
        return chosen.length
      }),
    sweep: (instance) => Effect.map(Clock.currentTimeMillis, (now) => evict(shelfOf(instance), now))
  }
}

const isOf = (letter: DeadLetter, { all, ids, replayed, stream }: Which): boolean =>
  (all ?? ids ?? replayed ?? stream) !== undefined && (ids === undefined || ids.includes(letter.id)) &&
  (stream === undefined || letter.stream === stream) && (replayed === undefined || letter.replays > 0)

/** With what else is kept of it, about. */
const sizeOf = ({ bytes, cause, channel, stream }: Pick<Letter, "bytes" | "cause" | "channel" | "stream">): number =>
  bytes.length + 2 * (cause.length + channel.length + stream.length) + 512
