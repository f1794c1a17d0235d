/** What a figure has to reach. */
export type Goal =
  | { readonly atLeast: number; readonly unit?: string }
  | { readonly atMost: number; readonly unit?: string }

/** As in the table: ">= 1.7x", "<= 64 MiB". The unit defaults to "x", for a ratio. */
export const text = (goal: Goal): string => {
  const [sign, bound] = "atLeast" in goal ? [">=", goal.atLeast] : ["<=", goal.atMost]
  return `${sign} ${bound}${unit(goal)}`
}

export const unit = (goal: Goal): string => goal.unit === undefined ? "x" : ` ${goal.unit}`

/** Whether a figure reaches the goal; one that is no number reaches none. */
export const isMet = (goal: Goal, figure: number): boolean =>
  "atLeast" in goal ? figure >= goal.atLeast : figure <= goal.atMost
