/**
 * The bytes that travel: a sequence number and a checksum in front of what is carried.
 *
 * An envelope is `SEQUENCE CRC32 BODY`: the sequence number in decimal digits, a space, the CRC-32 of the body in eight
 * hexadecimal digits, a space, and the body as it is. Readable on the wire (`nats sub nats_out`), and whoever receives
 * it needs nothing else to tell a whole message from a damaged one.
 */
import { crc32 } from "node:zlib"

/** What an envelope adds to its body, in bytes, at most. */
export const maxOverheadBytes = 16 + 1 + 8 + 1

/** Puts the body in an envelope; the body is copied. */
export const seal = (sequence: number, body: Uint8Array): Uint8Array => {
  const head = `${sequence} ${crc32(body).toString(16).padStart(8, "0")} `
  const bytes = new Uint8Array(head.length + body.length)
  for (let i = 0; i < head.length; i++) bytes[i] = head.charCodeAt(i)
  bytes.set(body, head.length)
  return bytes
}

const space = 0x20
const zero = 0x30

/** The bytes are no envelope at all: somebody else's message. */
export const foreign = -1

/** The bytes begin as an envelope does, but what follows is not what was sent. */
export const damaged = -2

/** The sequence number of an envelope whose body is what was sent; `foreign` or `damaged` otherwise. */
export const open = (bytes: Uint8Array): number => {
  let sequence = 0
  let i = 0
  for (; i < bytes.length && i < 16 && bytes[i] !== space; i++) {
    const digit = bytes[i]! - zero
    if (digit < 0 || digit > 9) return foreign
    sequence = sequence * 10 + digit
  }
  if (i === 0 || bytes[i] !== space || bytes[i + 9] !== space) return foreign
  let sum = 0
  for (let j = i + 1; j < i + 9; j++) {
    const digit = hexDigit(bytes[j]!)
    if (digit < 0) return foreign
    sum = sum * 16 + digit
  }
  return sum === crc32(bytes.subarray(i + 10)) ? sequence : damaged
}

const hexDigit = (code: number): number =>
  code >= zero && code <= 0x39 ? code - zero : code >= 0x61 && code <= 0x66 ? code - 0x57 : -1
