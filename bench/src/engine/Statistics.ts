/** The arithmetic of the engine: of samples, medians, and of rounds, ratios. */

/** A value that a share of the samples is at most, between neighbours in proportion. NaN when there are none. */
export const quantile = (samples: Iterable<number>, share: number): number => {
  const sorted = Float64Array.from(samples).toSorted()
  if (sorted.length === 0) return Number.NaN
  const place = share * (sorted.length - 1)
  const below = Math.floor(place)
  const low = sorted[below]!
  const high = sorted[Math.min(below + 1, sorted.length - 1)]!
  return low + (high - low) * (place - below)
}

export const median = (samples: Iterable<number>): number => quantile(samples, 0.5)

/** A median and the quartiles around it: half of the rounds are between `low` and `high`. */
export interface Summary {
  readonly median: number
  readonly low: number
  readonly high: number
}

export const summary = (samples: Iterable<number>): Summary => {
  const all = Array.from(samples)
  return { median: median(all), low: quantile(all, 0.25), high: quantile(all, 0.75) }
}

/**
 * One side over the other, round by round.
 *
 * **Details**
 *
 * What disturbs the machine for longer than a round meets both sides of it: the median of these ratios is steadier than
 * the ratio of two medians.
 */
export const ratios = (ours: ReadonlyArray<number>, theirs: ReadonlyArray<number>): ReadonlyArray<number> => {
  if (ours.length !== theirs.length) {
    throw new RangeError(`rounds do not pair up: ${ours.length} of one side, ${theirs.length} of the other`)
  }
  return ours.map((value, round) => value / theirs[round]!)
}
