/** Whose messages are on their way: handed over on one link and not confirmed yet. */

/** Told how many of its messages were not confirmed when the link broke. */
export type Account = (count: number) => void

interface Run {
  readonly account: Account
  /** Its messages are those after `from`, up to and with `to`, of all that the link has sent. */
  readonly from: number
  to: number
}

/** Kept per call, not per message: neighbours of one account are one run. */
export class Unconfirmed {
  private readonly runs: Array<Run> = []

  /** The last `count` of the `sent` messages belong to the account. */
  add(account: Account, count: number, sent: number): void {
    const last = this.runs.at(-1)
    if (last?.account === account && last.to === sent - count) last.to = sent
    else this.runs.push({ account, from: sent - count, to: sent })
  }

  /** The broker has the first `confirmed` of all messages. */
  confirm(confirmed: number): void {
    let done = 0
    while (done < this.runs.length && this.runs[done]!.to <= confirmed) done++
    this.runs.splice(0, done)
  }

  /** No more will be confirmed. */
  end(confirmed: number): void {
    for (const { account, from, to } of this.runs.splice(0)) account(to - Math.max(from, confirmed))
  }
}
