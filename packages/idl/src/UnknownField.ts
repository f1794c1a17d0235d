/**
 * Steps over the fields of a protobuf message that this version does not know.
 *
 * Internal to this package. Positions are numbers from 0; a negative result is the reason for which there is none.
 *
 * @since 0.1.0
 */
import * as Varint from "./Varint.ts"

/**
 * What can be wrong with a field, in words.
 *
 * @category models
 * @since 0.1.0
 */
export const problems = [
  "varint cut short",
  "varint over 10 bytes",
  "field cut short",
  "length past the end",
  "field number 0",
  "tag over 32 bits",
  "unknown wire type",
  "end group without its start group",
  "groups over 100 deep"
] as const

/**
 * @category models
 * @since 0.1.0
 */
export type Problem = typeof problems[number]

/**
 * The words for a negative result.
 *
 * @category models
 * @since 0.1.0
 */
export const problemOf = (result: number): Problem => problems[-1 - result] ?? "field cut short"

const fieldCutShort = -3
const lengthPastTheEnd = -4
const fieldNumberZero = -5
const tagTooLarge = -6
const unknownWireType = -7
const unmatchedEndGroup = -8
const groupsTooDeep = -9

const maxGroupDepth = 100

/**
 * The tag that `readTag` read last, unsigned: the field's number in all bits but the lowest three, its wire type there.
 *
 * @category reading
 * @since 0.1.0
 */
export const lastTag = (): number => Varint.value.low >>> 0

/**
 * Reads a tag, for `lastTag`, and returns the position after it. A tag is a varint of 32 bits in at most 5 bytes.
 *
 * @category reading
 * @since 0.1.0
 */
export const readTag = (bytes: Uint8Array, start: number, end: number): number => {
  const position = Varint.read(bytes, start, end)
  if (position < 0) return position
  if (position - start > 5 || Varint.value.high !== 0) return tagTooLarge
  return lastTag() < 8 ? fieldNumberZero : position
}

/**
 * Reads a length, for `Varint.value.low`, and returns the position after it; the bytes it counts are all there.
 *
 * @category reading
 * @since 0.1.0
 */
export const readLength = (bytes: Uint8Array, start: number, end: number): number => {
  const position = Varint.read(bytes, start, end)
  if (position < 0) return position
  const { high, low } = Varint.value
  // a low half below 0 is 2 GiB and more
  return high !== 0 || low < 0 || low > end - position ? lengthPastTheEnd : position
}

/**
 * Returns the position after the field whose tag was read, and which goes on at `start`.
 *
 * **Details**
 *
 * Groups are stepped over with all that is in them, up to 100 deep.
 *
 * @category reading
 * @since 0.1.0
 */
export const skip = (bytes: Uint8Array, start: number, end: number, tag: number): number => {
  // numbers of the groups that are open, the innermost last; a list of its own only where there are groups
  let groups: Array<number> | undefined
  let position = start
  let current = tag
  for (;;) {
    const number = current >>> 3
    switch (current & 7) {
      case 0:
        position = Varint.read(bytes, position, end)
        break
      case 1:
        position = position + 8 <= end ? position + 8 : fieldCutShort
        break
      case 2:
        position = readLength(bytes, position, end)
        if (position >= 0) position += Varint.value.low
        break
      case 3:
        groups ??= []
        if (groups.length === maxGroupDepth) return groupsTooDeep
        groups.push(number)
        break
      case 4:
        if (groups?.pop() !== number) return unmatchedEndGroup
        break
      case 5:
        position = position + 4 <= end ? position + 4 : fieldCutShort
        break
      default:
        return unknownWireType
    }
    if (position < 0 || groups === undefined || groups.length === 0) return position
    if (position === end) return fieldCutShort
    position = readTag(bytes, position, end)
    if (position < 0) return position
    current = lastTag()
  }
}
