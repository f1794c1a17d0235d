/** The payloads that both sides make alike, and the sum of those that came; as in `go/payload.go`. */
import { Schema } from "effect"
import { createHash } from "node:crypto"

/** What either side reports. */
export const Report = Schema.Struct({
  payloads: Schema.Int,
  bytes: Schema.Int,
  /** How many there were of each size in bytes. */
  sizes: Schema.Record(Schema.String, Schema.Int),
  /** Whether each payload of eight bytes and more carried the number of payloads before it. */
  inOrder: Schema.Boolean,
  /** Over the length and the bytes of each, in order. */
  sha256: Schema.String
})

export type Report = typeof Report.Type

/** The bytes that both sides agree on: the number in the first eight bytes, as many of them as fit, then a pattern. */
export const payload = (number: number, size: number): Uint8Array => {
  const bytes = new Uint8Array(size)
  const head = new DataView(new ArrayBuffer(8))
  head.setBigUint64(0, BigInt(number))
  for (let i = 0; i < size; i++) bytes[i] = i < 8 ? head.getUint8(i) : i + number
  return bytes
}

export interface Tally {
  readonly add: (payload: Uint8Array) => void
  /** How many were added. */
  readonly count: () => number
  readonly report: () => Report
}

/** Sums up payloads in the order they are added. `report` ends it. */
export const make = (): Tally => {
  const hash = createHash("sha256")
  const length = new DataView(new ArrayBuffer(4))
  const sizes = new Map<number, number>()
  let payloads = 0
  let total = 0
  let inOrder = true
  return {
    add: (payload) => {
      const { byteLength } = payload
      if (byteLength >= 8) {
        const number = new DataView(payload.buffer, payload.byteOffset, 8).getBigUint64(0)
        if (number !== BigInt(payloads)) inOrder = false
      }
      length.setUint32(0, byteLength)
      hash.update(new Uint8Array(length.buffer)).update(payload)
      sizes.set(byteLength, (sizes.get(byteLength) ?? 0) + 1)
      payloads++
      total += byteLength
    },
    count: () => payloads,
    report: () => ({
      payloads,
      bytes: total,
      sizes: Object.fromEntries(sizes),
      inOrder,
      sha256: hash.digest("hex")
    })
  }
}

/** The report on payloads of these sizes, used in turn. */
export const reportOf = (count: number, sizes: ReadonlyArray<number>): Report => {
  const tally = make()
  for (let i = 0; i < count; i++) tally.add(payload(i, sizes[i % sizes.length]!))
  return tally.report()
}
