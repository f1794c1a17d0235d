/**
 * The account of what was sent and what came back, by sequence number.
 *
 * Every number that was sent is in exactly one of three places: under way, delivered or lost. Lost is a judgement of
 * time, made by `settle`, and taken back when the message comes after all; all else is counting.
 */
import { SequenceSet } from "./SequenceSet.ts"

export interface Counts {
  readonly sent: number
  /** Different messages that came out. `sent = delivered + lost + inFlight`, always. */
  readonly delivered: number
  /** Sent, not come, and no longer waited for. */
  readonly lost: number
  readonly inFlight: number
  /** Messages that came again after they had been delivered. */
  readonly duplicated: number
  /** Delivered after they had been given up: they are not among the lost any more. */
  readonly late: number
  /** Delivered after one with a higher number. */
  readonly outOfOrder: number
  /** Messages with a number that was never sent. */
  readonly unknown: number
}

interface Sent {
  readonly atMicros: number
  readonly byteLength: number
}

export class Ledger {
  readonly #seen = new SequenceSet()
  // in the order of sending: a Map keeps it
  readonly #underWay = new Map<number, Sent>()
  #sent = 0
  #delivered = 0
  #lost = 0
  #duplicated = 0
  #late = 0
  #outOfOrder = 0
  #unknown = 0
  #highest = 0
  #bytes = 0
  #lastChangeMicros = 0

  /** The number that the next message has to carry: 1, 2, 3 … */
  get next(): number {
    return this.#sent + 1
  }

  /** How many messages are under way. */
  get inFlight(): number {
    return this.#underWay.size
  }

  /** Size of all messages under way. */
  get inFlightBytes(): number {
    return this.#bytes
  }

  /** When something was last sent or delivered for the first time. */
  get lastChangeMicros(): number {
    return this.#lastChangeMicros
  }

  /** The message with the number `next` was sent. */
  send(atMicros: number, byteLength: number): void {
    this.#sent++
    this.#underWay.set(this.#sent, { atMicros, byteLength })
    this.#bytes += byteLength
    this.#lastChangeMicros = atMicros
  }

  /**
   * A message came out. Returns how long it took in microseconds, or undefined where that says nothing: for one that
   * came again, had been given up, or was never sent.
   */
  deliver(sequence: number, atMicros: number): number | undefined {
    if (sequence < 1 || sequence > this.#sent) {
      this.#unknown++
      return undefined
    }
    if (!this.#seen.add(sequence)) {
      this.#duplicated++
      return undefined
    }
    this.#delivered++
    this.#lastChangeMicros = atMicros
    if (sequence < this.#highest) this.#outOfOrder++
    else this.#highest = sequence
    const sent = this.#underWay.get(sequence)
    if (sent === undefined) {
      this.#lost--
      this.#late++
      return undefined
    }
    this.#underWay.delete(sequence)
    this.#bytes -= sent.byteLength
    return Math.max(0, atMicros - sent.atMicros)
  }

  /** Gives up all messages that were sent before an instant and have not come. */
  settle(sentBeforeMicros: number): void {
    for (const [sequence, sent] of this.#underWay) {
      if (sent.atMicros >= sentBeforeMicros) return
      this.#underWay.delete(sequence)
      this.#bytes -= sent.byteLength
      this.#lost++
    }
  }

  get counts(): Counts {
    return {
      sent: this.#sent,
      delivered: this.#delivered,
      lost: this.#lost,
      inFlight: this.#underWay.size,
      duplicated: this.#duplicated,
      late: this.#late,
      outOfOrder: this.#outOfOrder,
      unknown: this.#unknown
    }
  }
}
