/**
 * Base-128 varints of 64 bits, as two halves of 32 bits: bigint arithmetic is too slow for the data path.
 *
 * Internal to this package.
 *
 * @since 0.1.0
 */

/**
 * The value that `read` read last. One for all: reading is synchronous, and the data path allocates nothing it need
 * not.
 *
 * @category reading
 * @since 0.1.0
 */
export const value = {
  /** Bits 0 to 31, signed: a number of 32 unsigned bits is one more object to the engine. */
  low: 0,
  /** Bits 32 to 63, signed. */
  high: 0
}

/**
 * What `read` returns when the input ends inside the varint.
 *
 * @category reading
 * @since 0.1.0
 */
export const truncated = -1

/**
 * What `read` returns when the varint does not end within ten bytes.
 *
 * @category reading
 * @since 0.1.0
 */
export const tooLong = -2

/**
 * Reads a varint into `value` and returns the position after it, or `truncated` or `tooLong`.
 *
 * **Details**
 *
 * Accepts longer forms than needed, and ignores the bits of a tenth byte beyond the 64th, as protobuf does. Reads
 * nothing at or after `end`.
 *
 * @category reading
 * @since 0.1.0
 */
export const read = (bytes: Uint8Array, start: number, end: number): number => {
  let low = 0
  let high = 0
  let position = start
  // each index is below `end`, which is within `bytes`: the assertions are true
  for (let shift = 0; position < end && shift < 28; shift += 7) {
    const byte = bytes[position++]!
    low |= (byte & 0x7f) << shift
    if (byte < 0x80) {
      value.low = low
      value.high = 0
      return position
    }
  }
  if (position === end) return truncated
  let byte = bytes[position++]!
  low |= (byte & 0x7f) << 28
  high = (byte & 0x7f) >>> 4
  for (let shift = 3; byte > 0x7f && shift < 32; shift += 7) {
    if (position === end) return truncated
    byte = bytes[position++]!
    high |= (byte & 0x7f) << shift
  }
  if (byte > 0x7f) return tooLong
  value.low = low
  value.high = high
  return position
}

/**
 * How many bytes `write` needs.
 *
 * @category writing
 * @since 0.1.0
 */
export const size = (low: number, high: number): number =>
  // number of significant bits, at least one, in sevens, rounded up
  high === 0 ? ((38 - Math.clz32(low | 1)) / 7) | 0 : ((70 - Math.clz32(high)) / 7) | 0

/**
 * Writes a varint in its shortest form and returns the position after it.
 *
 * @category writing
 * @since 0.1.0
 */
export const write = (target: Uint8Array, start: number, low: number, high: number): number => {
  let position = start
  let lower = low >>> 0
  let upper = high >>> 0
  while (upper !== 0) {
    target[position++] = (lower & 0x7f) | 0x80
    lower = ((lower >>> 7) | (upper << 25)) >>> 0
    upper >>>= 7
  }
  while (lower > 0x7f) {
    target[position++] = (lower & 0x7f) | 0x80
    lower >>>= 7
  }
  target[position++] = lower
  return position
}
