/**
 * How long something takes: a percentile of the last minutes, for the cost of a few instructions.
 *
 * @since 0.1.0
 */

/** Four to each doubling: a percentile is at most a fifth too high. */
const perDoubling = 4

/** From a microsecond on, up to some days. */
const buckets = 40 * perDoubling

/** For so long what was recorded counts at least, and for twice as long at most. */
const halfMillis = 5 * 60_000

/**
 * Durations by size.
 *
 * @category models
 * @since 0.1.0
 */
export class Latency {
  private recent = new Uint32Array(buckets)
  private before = new Uint32Array(buckets)
  private turnedAt = 0

  /** Both in milliseconds, the instant by any clock that does not go back. */
  record(tookMillis: number, nowMillis: number): void {
    this.turn(nowMillis)
    const bucket = Math.ceil(Math.log2(Math.max(tookMillis * 1_000, 1)) * perDoubling)
    this.recent[Math.min(bucket, buckets - 1)]!++
  }

  /** Not exceeded by 99 of 100 of the last five to ten minutes, in milliseconds; nothing when there were none. */
  p99(nowMillis: number): number | undefined {
    this.turn(nowMillis)
    let left = 0
    for (let i = 0; i < buckets; i++) left += this.recent[i]! + this.before[i]!
    if (left === 0) return undefined
    left = Math.ceil(left * 0.99)
    for (let i = 0; i < buckets; i++) {
      left -= this.recent[i]! + this.before[i]!
      if (left <= 0) return 2 ** (i / perDoubling) / 1_000
    }
    return undefined
  }

  private turn(nowMillis: number): void {
    if (nowMillis - this.turnedAt < halfMillis) return
    const old = nowMillis - this.turnedAt >= 2 * halfMillis
    const { before } = this
    this.before = old ? new Uint32Array(buckets) : this.recent
    this.recent = before.fill(0)
    this.turnedAt = nowMillis
  }
}
