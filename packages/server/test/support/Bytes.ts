/** Protobuf written by hand: what no generated code would write. */

export const varint = (n: number): ReadonlyArray<number> => n < 128 ? [n] : [(n & 127) | 128, ...varint(n >>> 7)]

/** A length-delimited field. */
export const field = (number: number, bytes: Uint8Array): Uint8Array =>
  Buffer.concat([Uint8Array.from([...varint(number * 8 + 2), ...varint(bytes.length)]), bytes])

const text = (value: string) => new TextEncoder().encode(value)

/** A SetPayload with one ingress stream `s` on channel `c`, whose metadata has one key `a` in another, `depth` deep. */
export const deepStruct = (connectorId: string, depth: number): Uint8Array => {
  // From the inside out: each level is a prefix of the one within.
  const prefixes: Array<Uint8Array> = []
  let length = 0
  const wrap = (prefix: ReadonlyArray<number>) => {
    prefixes.push(Uint8Array.from(prefix))
    length += prefix.length
  }
  for (let i = 0; i < depth; i++) {
    wrap([5 * 8 + 2, ...varint(length)])
    wrap([2 * 8 + 2, ...varint(length)])
    wrap([1 * 8 + 2, 1, 97])
    wrap([1 * 8 + 2, ...varint(length)])
  }
  const struct = Buffer.concat(prefixes.toReversed())
  const stream = [field(1, text("s")), Uint8Array.of(4 * 8, 1), field(5, text("c")), field(6, struct)]
  return Buffer.concat([field(1, text(connectorId)), field(2, field(2, Buffer.concat(stream)))])
}
