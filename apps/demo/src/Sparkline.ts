/**
 * Numbers as a row of bars, one cell each.
 */
const bars = "▁▂▃▄▅▆▇█"

/** The numbers in at most so many groups of the same size, as the mean of each; the last group ends with the last number. */
export const condense = (values: ReadonlyArray<number>, groups: number): ReadonlyArray<number> => {
  if (groups < 1) return []
  const size = Math.max(1, Math.ceil(values.length / groups))
  const means: Array<number> = []
  for (let end = values.length; end > 0; end -= size) {
    const group = values.slice(Math.max(0, end - size), end)
    means.push(group.reduce((sum, value) => sum + value, 0) / group.length)
  }
  return means.toReversed()
}

/** A bar for each number; the top of the scale is a full one, nothing the lowest, and the least of something more than that. */
export const sparkline = (values: ReadonlyArray<number>, top: number): string =>
  values.map((value) => {
    if (!(value > 0)) return bars[0]
    return bars[Math.min(bars.length - 1, Math.max(1, Math.ceil((value / top) * (bars.length - 1))))]
  }).join("")
