/**
 * How long messages took: a histogram in bounded memory, exact to 1/128.
 *
 * Values are microseconds. Up to 128 each has a bucket of its own; above, each power of two is cut in 64 buckets of
 * equal width, as HDR histograms do. The longest that can be told apart is 2^32 microseconds, more than an hour.
 */
const subBits = 6
const sub = 1 << subBits
const maxMicros = 2 ** 32 - 1
const buckets = (32 - subBits + 1) * sub

/** The bucket of a whole number of microseconds. */
const bucketOf = (micros: number): number => {
  if (micros < 2 * sub) return micros
  const shift = 31 - Math.clz32(micros) - subBits
  return shift * sub + (micros >>> shift)
}

/** The middle of a bucket, in microseconds. */
const middleOf = (bucket: number): number => {
  if (bucket < 2 * sub) return bucket
  const shift = Math.floor(bucket / sub) - 1
  const width = 2 ** shift
  return (bucket - shift * sub) * width + (width - 1) / 2
}

export class Latency {
  readonly #counts = new Float64Array(buckets)
  #total = 0

  get total(): number {
    return this.#total
  }

  /** Adds one value; what is longer than the longest counts as the longest. */
  record(micros: number): void {
    this.#counts[bucketOf(Math.min(maxMicros, Math.max(0, Math.round(micros))))]!++
    this.#total++
  }

  /** Adds all values of another. */
  add(other: Latency): void {
    if (other.#total === 0) return
    for (let bucket = 0; bucket < buckets; bucket++) this.#counts[bucket]! += other.#counts[bucket]!
    this.#total += other.#total
  }

  /** The value that the given share of all values does not exceed, 0 to 1; undefined when there is none. */
  percentile(share: number): number | undefined {
    if (this.#total === 0) return undefined
    const rank = Math.max(1, Math.ceil(share * this.#total))
    let seen = 0
    for (let bucket = 0; bucket < buckets; bucket++) {
      seen += this.#counts[bucket]!
      if (seen >= rank) return middleOf(bucket)
    }
    return maxMicros
  }

  /** Forgets all values. */
  reset(): void {
    this.#counts.fill(0)
    this.#total = 0
  }
}
