/** The channels that the broker has refused to take messages for, since not long ago. */

/** A refused channel is not tried again for this long, in milliseconds; permissions may be granted meanwhile. */
const holdMillis = 10_000
const maxChannels = 1000

export class Refusals {
  private readonly channels = new Map<string, number>()
  private readonly now: () => number

  /** `now` is in milliseconds from any start. */
  constructor(now: () => number) {
    this.now = now
  }

  add(channel: string): void {
    if (this.channels.size >= maxChannels) this.channels.clear()
    this.channels.set(channel, this.now())
  }

  has(channel: string): boolean {
    // nearly always
    if (this.channels.size === 0) return false
    const since = this.channels.get(channel)
    if (since === undefined) return false
    if (this.now() - since < holdMillis) return true
    this.channels.delete(channel)
    return false
  }
}
