/** Whose messages are on their way: handed over on one link and not confirmed yet. */

import * as Effect from "effect/Effect"

/** Told how many of its messages were not confirmed when the link broke, and how many payloads they have. */
export type Account = (messages: number, payloads: number) => void

/** Tells it: one that throws must not keep what else there is to do from being done. */
export const tell = (account: Account | undefined, messages: number, payloads: number): void =>
  Effect.runSync(
    Effect.catchDefect(
      Effect.sync(() => account?.(messages, payloads)),
      (defect) => Effect.logWarning("onUncertain threw", defect)
    )
  )

/** How much went over the link since it was made, up to some moment. */
export interface Mark {
  readonly messages: number
  readonly payloads: number
}

interface Run {
  readonly account: Account
  /** What is its own lies between the two. */
  readonly from: Mark
  to: Mark
}

/** Kept per call, not per message: neighbours of one account are one run. */
export class Unconfirmed {
  private readonly runs: Array<Run> = []

  /** What was sent between two marks belongs to the account. */
  add(account: Account, from: Mark, to: Mark): void {
    const last = this.runs.at(-1)
    if (last?.account === account && last.to.messages === from.messages) last.to = to
    else this.runs.push({ account, from, to })
  }

  /** The broker has everything up to the mark. */
  confirm(confirmed: Mark): void {
    let done = 0
    while (done < this.runs.length && this.runs[done]!.to.messages <= confirmed.messages) done++
    this.runs.splice(0, done)
  }

  /** No more will be confirmed. */
  end(confirmed: Mark): void {
    for (const { account, from, to } of this.runs.splice(0)) {
      tell(
        account,
        to.messages - Math.max(from.messages, confirmed.messages),
        to.payloads - Math.max(from.payloads, confirmed.payloads)
      )
    }
  }
}
