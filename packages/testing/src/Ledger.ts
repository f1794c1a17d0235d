/**
 * Compares what came with what was given, by number, and with what was promised.
 *
 * @since 0.1.0
 */

/**
 * What a stream promises: nothing comes twice; nothing is lost; neither.
 *
 * @category models
 * @since 0.1.0
 */
export type Promised = "at-most-once" | "at-least-once" | "effectively-once"

/**
 * How what came differs from 1 to `count`, each once, in order.
 *
 * @category models
 * @since 0.1.0
 */
export interface Account {
  readonly count: number
  /** How many came, repeats too. */
  readonly came: number
  readonly lost: ReadonlyArray<number>
  /** How many came that had come before. */
  readonly repeated: number
  /** Those that came for the first time after a higher one. */
  readonly late: ReadonlyArray<number>
  /** What came and was never given. */
  readonly strange: ReadonlyArray<number>
}

/**
 * Compares numbers as they came with 1 to `count`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const account = (numbers: ReadonlyArray<number>, count: number): Account => {
  const seen = new Set<number>()
  const late: Array<number> = []
  const strange: Array<number> = []
  let repeated = 0
  let highest = 0
  for (const number of numbers) {
    if (!Number.isInteger(number) || number < 1 || number > count) strange.push(number)
    else if (seen.has(number)) repeated++
    else {
      seen.add(number)
      if (number < highest) late.push(number)
      else highest = number
    }
  }
  const lost = Array.from({ length: count }, (_, index) => index + 1).filter((number) => !seen.has(number))
  return { count, came: numbers.length, lost, repeated, late, strange }
}

/**
 * What of a promise was broken, in words; empty: nothing. Order is promised with `ordered`, of what comes first.
 *
 * @category validation
 * @since 0.1.0
 */
export const violations = (
  found: Account,
  promised: Promised,
  { ordered = true }: { readonly ordered?: boolean } = {}
): ReadonlyArray<string> => [
  ...(promised !== "at-most-once" && found.lost.length > 0 ? [`${found.lost.length} lost (${some(found.lost)})`] : []),
  ...(promised !== "at-least-once" && found.repeated > 0 ? [`${found.repeated} duplicated`] : []),
  ...(ordered && found.late.length > 0 ? [`${found.late.length} out of order (${some(found.late)})`] : []),
  ...(found.strange.length > 0 ? [`${found.strange.length} that were never given (${some(found.strange)})`] : [])
]

/** A few of them; ranges as ranges. */
const some = (numbers: ReadonlyArray<number>): string => {
  const ranges: Array<[number, number]> = []
  for (const number of numbers) {
    const last = ranges.at(-1)
    if (last !== undefined && number === last[1] + 1) last[1] = number
    else ranges.push([number, number])
  }
  const texts = ranges.slice(0, 5).map(([from, to]) => from === to ? `${from}` : `${from} to ${to}`)
  return texts.join(", ") + (ranges.length > 5 ? ", …" : "")
}
