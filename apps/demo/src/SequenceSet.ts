/**
 * A set of sequence numbers, one bit each.
 *
 * Kept in segments of 65,536 numbers; a segment that is complete takes no memory but its mark. So a job that runs for
 * months needs memory for the numbers that are missing, not for those that came.
 */
const segmentBits = 16
const segmentSize = 1 << segmentBits

interface Segment {
  readonly bits: Uint32Array
  count: number
}

export class SequenceSet {
  readonly #segments = new Map<number, Segment | "complete">()

  /** Adds a number, 0 or more; false when it was there before. */
  add(sequence: number): boolean {
    const index = Math.floor(sequence / segmentSize)
    let segment = this.#segments.get(index)
    if (segment === "complete") return false
    if (segment === undefined) {
      segment = { bits: new Uint32Array(segmentSize / 32), count: 0 }
      this.#segments.set(index, segment)
    }
    const place = sequence % segmentSize
    const mask = 1 << (place & 31)
    const word = segment.bits[place >>> 5]!
    if ((word & mask) !== 0) return false
    segment.bits[place >>> 5] = word | mask
    if (++segment.count === segmentSize) this.#segments.set(index, "complete")
    return true
  }

  /** How many segments of 8 KiB are in memory. */
  get segmentsHeld(): number {
    let held = 0
    for (const segment of this.#segments.values()) if (segment !== "complete") held++
    return held
  }
}
