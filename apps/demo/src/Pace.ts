/**
 * How many messages may be sent now: a token bucket.
 *
 * Tokens come at the rate; what is not used is kept for a tenth of a second at most, so that a stall is not made up for
 * by a burst.
 */
export class Pace {
  readonly #perMicro: number
  readonly #capacity: number
  #tokens: number
  #at: number

  constructor(perSecond: number, atMicros: number) {
    this.#perMicro = perSecond / 1e6
    this.#capacity = Math.max(1, perSecond / 10)
    this.#tokens = 1
    this.#at = atMicros
  }

  /** How many may be sent at this instant. */
  available(atMicros: number): number {
    this.#tokens = Math.min(this.#capacity, this.#tokens + (atMicros - this.#at) * this.#perMicro)
    this.#at = atMicros
    return Math.floor(this.#tokens)
  }

  /** How long until at least one may be sent, in microseconds from when `available` was last asked. */
  get untilNext(): number {
    return Math.max(0, 1 - this.#tokens) / this.#perMicro
  }

  /** So many were sent. */
  spend(count: number): void {
    this.#tokens -= count
  }
}
