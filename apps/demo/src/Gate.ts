/**
 * Whether messages may be sent: only while all that they pass through is there.
 *
 * After trouble it stays shut until the platform has asked the connector again, some time after the trouble was over:
 * what it heard before says nothing about now.
 */

/** How long after the last trouble the connector has to be asked: the time it needs to notice and to mend. */
const settleMicros = 500_000

export interface Parts {
  /** Whether both brokers are connected now. */
  readonly brokersConnected: () => boolean
  /** Whether all streams ran when the connector was last asked. */
  readonly streamsRunning: () => boolean
  /** When it was last asked. */
  readonly askedAtMicros: () => number
}

export class Gate {
  readonly #parts: Parts
  #troubleAt = Number.NEGATIVE_INFINITY
  #shutAt = Number.NEGATIVE_INFINITY

  constructor(parts: Parts) {
    this.#parts = parts
  }

  /** When it was last found shut. */
  get shutAtMicros(): number {
    return this.#shutAt
  }

  isOpen(nowMicros: number): boolean {
    const { askedAtMicros, brokersConnected, streamsRunning } = this.#parts
    if (!brokersConnected()) this.#troubleAt = nowMicros
    const open = brokersConnected() && streamsRunning() && askedAtMicros() >= this.#troubleAt + settleMicros
    if (!open) this.#shutAt = nowMicros
    return open
  }
}
