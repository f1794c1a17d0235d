/** Files as the outside of streams that lose nothing when the process is killed, and two ways to lose it all the same. */
import { Delivery } from "@kps/connector"
import { Positions } from "@kps/server"
import { Array, Effect, Option, Schedule, Schema, Stream } from "effect"
import { closeSync, openSync, readdirSync, readFileSync, readSync, statSync, unlinkSync } from "node:fs"
import { join } from "node:path"

/** What is found, each time that something is. */
const polled = <A>(look: () => ReadonlyArray<A>): Stream.Stream<Array.NonEmptyReadonlyArray<A>> =>
  Stream.filter(
    Stream.fromEffectSchedule(Effect.sync(look), Schedule.spaced("20 millis")),
    Array.isReadonlyArrayNonEmpty
  )

/** A folder with a file for each payload: to unlink it is to acknowledge it. */
export const spool = (folder: string, { early }: { readonly early: boolean }) => {
  const held = new Set<string>()
  const unlink = (names: ReadonlyArray<string>) => {
    for (const name of names) unlinkSync(join(folder, name))
  }
  const look = () => {
    // what is still written begins with a dot
    const names = readdirSync(folder).filter((name) => !name.startsWith(".") && !held.has(name)).toSorted()
    for (const name of names) held.add(name)
    return names
  }
  return Delivery.acknowledged(Stream.map(polled(look), (names) => {
    const payloads = Array.map(names, (name): Uint8Array => readFileSync(join(folder, name)))
    const ack = Effect.sync(() => unlink(names))
    if (!early) {
      return { payloads, ack, nack: Effect.sync(() => names.forEach((name) => held.delete(name))) }
    }
    unlink(names)
    return { payloads, ack: Effect.void }
  }))
}

const newline = 0x0a

/** The whole lines of a file behind an offset, each with the offset behind it. */
const lines = (file: string, offset: number): ReadonlyArray<{ readonly line: Uint8Array; readonly end: number }> => {
  const bytes = Buffer.alloc(statSync(file).size - offset)
  const descriptor = openSync(file, "r")
  readSync(descriptor, bytes, 0, bytes.length, offset)
  closeSync(descriptor)
  const found = []
  for (let at = 0, end = bytes.indexOf(newline); end >= 0; at = end + 1, end = bytes.indexOf(newline, at)) {
    found.push({ line: bytes.subarray(at, end), end: offset + end + 1 })
  }
  return found
}

/** The lines of a file that grows, from an offset on. */
const tail = (file: string, from: number) => {
  let offset = from
  return Stream.map(
    polled(() => {
      const found = lines(file, offset)
      offset = found.at(-1)?.end ?? offset
      return found
    }),
    (found) => ({
      payloads: Array.map(found, ({ line }) => line),
      position: Array.lastNonEmpty(found).end
    })
  )
}

/** A file that is read from a position on, which the framework keeps. */
export const log = (file: string) =>
  Delivery.resumable({
    position: Schema.Int,
    from: (at) => tail(file, Option.getOrElse(at, () => 0))
  })

/** The same, with positions that the stream saves itself: of what it has read. */
export const logThatSavesFirst = Effect.fnUntraced(function*(file: string) {
  const positions = yield* Positions.Positions
  const saved = yield* positions.get("log", file)
  let revision = Option.match(saved, { onNone: () => 0, onSome: (one) => one.revision })
  const from = Option.match(saved, { onNone: () => 0, onSome: ({ position }) => Number(position) })
  const save = (position: number) =>
    Effect.map(positions.set("log", file, { position, parameters: {} }, revision), (next) => {
      revision = next
    })
  return Delivery.lossy(
    tail(file, from).pipe(
      Stream.tap(({ position }) => Effect.orDie(save(position))),
      Stream.flatMap(({ payloads }) => Stream.fromArray(payloads))
    )
  )
}, Effect.orDie)
