/**
 * The two ends of a stream, as files that outlive a killed process: what a source gave and was acknowledged, what a
 * sink was given. Lines are only appended; one that was cut off by a kill is no line.
 */
import { appendFileSync, closeSync, fsyncSync, openSync, readFileSync, writeSync } from "node:fs"
import { join } from "node:path"

/** Numbers from one to another, both included, and who wrote that down. */
export interface Span {
  readonly from: number
  readonly to: number
  readonly by: string
}

export interface Delivered {
  readonly id: string
  readonly number: number
  readonly by: string
}

/** Fields have no blanks. The sign at the end tells that a line is whole. */
const line = (...fields: ReadonlyArray<string | number>): string => `${fields.join(" ")};\n`

const read = (folder: string, name: string): ReadonlyArray<ReadonlyArray<string>> => {
  let text = ""
  try {
    text = readFileSync(join(folder, name), "utf8")
  } catch {
    // nobody has written it yet
  }
  return text.split("\n").filter((one) => one.endsWith(";")).map((one) => one.slice(0, -1).split(" "))
}

const spans = (folder: string, name: string): ReadonlyArray<Span> =>
  read(folder, name).map(([from, to, by = ""]) => ({ from: Number(from), to: Number(to), by }))

/** What the source has given, repeats too. */
export const given = (folder: string): ReadonlyArray<Span> => spans(folder, "given")

export const give = (folder: string, { by, from, to }: Span): void =>
  appendFileSync(join(folder, "given"), line(from, to, by))

/** What was acknowledged to the source. */
export const acknowledged = (folder: string): ReadonlyArray<Span> => spans(folder, "acknowledged")

export const acknowledge = (folder: string, { by, from, to }: Span): void =>
  appendFileSync(join(folder, "acknowledged"), line(from, to, by))

/** What the sink was given, repeats too, in order. */
export const delivered = (folder: string): ReadonlyArray<Delivered> =>
  read(folder, "delivered").map(([id = "", number, by = ""]) => ({ id, number: Number(number), by }))

/** The same as who forgets what comes again under an id that is known would have it. */
export const deliveredOnce = (folder: string): ReadonlyArray<Delivered> => {
  const known = new Set<string>()
  return delivered(folder).filter(({ id }) => !known.has(id) && known.add(id))
}

/** Appends all of them, and waits until they are on the disk. */
export const deliver = (folder: string, items: ReadonlyArray<Delivered>): void => {
  const file = openSync(join(folder, "delivered"), "a")
  try {
    writeSync(file, items.map(({ by, id, number }) => line(id, number, by)).join(""))
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
}

/** A payload: its number, and so much that a thousand of them are something. */
export const payload = (number: number): Uint8Array => new TextEncoder().encode(`${number}:${"x".repeat(120)}`)

/** The number of a payload; `NaN` when it is none. */
export const numberOf = (payload: Uint8Array): number => {
  const [number = "", padding = ""] = new TextDecoder().decode(payload).split(":")
  return padding === "x".repeat(120) ? Number(number) : Number.NaN
}
