/**
 * What goes out to the connector and what comes back: envelopes, the ledger, latencies.
 *
 * Plain and synchronous, since all of it happens for every message. Instants are microseconds of a clock that never
 * goes back.
 */
import * as Envelope from "./Envelope.ts"
import { Latency } from "./Latency.ts"
import { Ledger } from "./Ledger.ts"

export class Traffic {
  readonly ledger = new Ledger()
  /** Since the start. */
  readonly latency = new Latency()
  /** Since the last status line. */
  readonly recentLatency = new Latency()
  /** Messages that came out with a body that is not the one that was sent; they count as not delivered. */
  damaged = 0
  /** Messages of others on the outside subject. */
  foreign = 0
  /** Lines that were not sent, since they are over the broker's limit, and the size of the first of them. */
  oversized = 0
  firstOversizedBytes = 0

  /** Puts the next message in its envelope; it counts as sent. */
  send(body: Uint8Array, atMicros: number): Uint8Array {
    const bytes = Envelope.seal(this.ledger.next, body)
    this.ledger.send(atMicros, bytes.length)
    return bytes
  }

  /** Counts a message that came out. */
  receive(bytes: Uint8Array, atMicros: number): void {
    const sequence = Envelope.open(bytes)
    if (sequence === Envelope.foreign) this.foreign++
    else if (sequence === Envelope.damaged) this.damaged++
    else {
      const micros = this.ledger.deliver(sequence, atMicros)
      if (micros === undefined) return
      this.latency.record(micros)
      this.recentLatency.record(micros)
    }
  }

  /** Counts a line that is too long to be sent. */
  refuse(byteLength: number): void {
    if (this.oversized === 0) this.firstOversizedBytes = byteLength
    this.oversized++
  }
}
