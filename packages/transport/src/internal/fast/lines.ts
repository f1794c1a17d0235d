/** The first lines of messages, as servers write them: `MSG` and `HMSG` with single spaces and a CRLF. */

/** The largest size that the client takes, of a message or its headers, in bytes. */
export const maxSize = 67_108_864
/** Longer numbers are no server's. */
const maxDigits = 15

const cr = 0x0d
const space = 0x20
const zero = 0x30
const nine = 0x39
const hmsg = Uint8Array.from("HMSG ", (character) => character.charCodeAt(0))

/** Whether bytes up to the end, which are less than a line, may become a line of these. */
export const mayBeMessage = (bytes: Uint8Array, from: number): boolean => {
  const skip = bytes[from] === hmsg[0] ? 0 : 1
  for (let i = 0; i < hmsg.length - skip && from + i < bytes.length; i++) {
    if (bytes[from + i] !== hmsg[skip + i]) return false
  }
  return true
}

const number = (bytes: Uint8Array, from: number, to: number): number => {
  if (from === to || to - from > maxDigits) return -1
  let value = 0
  for (let i = from; i < to; i++) {
    const byte = bytes[i]!
    if (byte < zero || byte > nine) return -1
    value = value * 10 + byte - zero
  }
  return value
}

/**
 * How many bytes come between the line from `from` to its newline and the CRLF after the message, or -1: it is no line of
 * these, or one that the client refuses.
 */
export const sizeOf = (bytes: Uint8Array, from: number, newline: number): number => {
  const hasHeaders = bytes[from] === hmsg[0]
  const first = from + (hasHeaders ? 5 : 4)
  const end = newline - 1
  if (first >= end || !mayBeMessage(bytes, from) || bytes[end] !== cr) return -1
  const ends: Array<number> = []
  let start = first
  for (let i = first; i <= end; i++) {
    const byte = bytes[i]!
    if (byte > space) continue
    // no subject to reply to, but room for one: so are the acknowledgements of JetStream
    if (byte === space && i === start && ends.length === 2) {
      start++
      continue
    }
    // nothing between two of them, or a control character
    if (i === start || (byte !== space && i !== end)) return -1
    ends.push(i)
    start = i + 1
  }
  // subject and sid, perhaps where to reply to, perhaps the size of the headers, the size
  const words = ends.length - (hasHeaders ? 1 : 0)
  if (words !== 3 && words !== 4) return -1
  const word = (index: number) => {
    const at = ends[index - 1]! + 1
    return number(bytes, bytes[at] === space ? at + 1 : at, ends[index]!)
  }
  const size = word(ends.length - 1)
  if (word(1) < 0 || size > maxSize) return -1
  const headers = hasHeaders ? word(ends.length - 2) : 0
  return headers < 0 || headers > size ? -1 : size
}
