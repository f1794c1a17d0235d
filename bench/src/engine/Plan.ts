import { Context } from "effect"

/** How much is measured. */
export interface Plan {
  /** Whether it is only to be seen that every benchmark runs and delivers. */
  readonly quick: boolean
  /** How often each side of a comparison is measured, in turns. */
  readonly rounds: number
  /** How long one side publishes, or otherwise works, in a round. */
  readonly roundMillis: number
  /** How long each side works before the first round that counts. */
  readonly warmUpMillis: number
}

// many short rounds rather than few long ones: what disturbs the machine then meets both sides of a ratio
export const full: Plan = { quick: false, rounds: 9, roundMillis: 280, warmUpMillis: 800 }

export const quick: Plan = { quick: true, rounds: 1, roundMillis: 60, warmUpMillis: 30 }

/** The plan of this run. Default: `full`. */
export const current = Context.Reference<Plan>("bench/Plan", { defaultValue: () => full })
