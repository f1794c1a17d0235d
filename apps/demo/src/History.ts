/**
 * What went through in the last minute, second by second.
 */
import { Latency } from "./Latency.ts"
import type { Counts } from "./Ledger.ts"

/** How many seconds are kept. */
export const length = 60

/** Latencies are those of so many seconds. */
export const latencySeconds = 10

/** Rates are those of the last two seconds: at one message a second they do not flicker. */
const rateMicros = 2_000_000

interface Sample {
  readonly atMicros: number
  readonly sent: number
  readonly delivered: number
}

export interface Rates {
  /** Messages a second. */
  readonly sent: number
  readonly delivered: number
}

export class History {
  readonly #start: number
  /** By the number of the second, modulo how many are kept. */
  readonly #sent = new Float64Array(length + 1)
  readonly #delivered = new Float64Array(length + 1)
  readonly #latencies = Array.from({ length: latencySeconds }, () => new Latency())
  readonly #latency = new Latency()
  #samples: ReadonlyArray<Sample>

  constructor(atMicros: number, counts: Pick<Counts, "sent" | "delivered">) {
    this.#start = atMicros
    this.#samples = [{ atMicros, sent: counts.sent, delivered: counts.delivered }]
  }

  /** The number of the second at an instant: 0 is the first. */
  #second(atMicros: number): number {
    return Math.floor((atMicros - this.#start) / 1e6)
  }

  /**
   * Takes note of the counts at an instant, and takes what is in `recent` for itself. To be called often.
   *
   * **Details**
   *
   * What happened since the last time is spread evenly over the time since then.
   */
  observe(atMicros: number, counts: Pick<Counts, "sent" | "delivered">, recent: Latency): void {
    const before = this.#samples.at(-1)!
    const now = { atMicros, sent: counts.sent, delivered: counts.delivered }
    const from = this.#second(before.atMicros)
    const to = this.#second(atMicros)
    for (let second = Math.max(from + 1, to - length); second <= to; second++) {
      this.#sent[second % (length + 1)] = 0
      this.#delivered[second % (length + 1)] = 0
      this.#latencies[second % latencySeconds]!.reset()
    }
    for (let second = Math.max(from, to - length); second <= to; second++) {
      const begin = Math.max(before.atMicros, this.#start + second * 1e6)
      const end = Math.min(atMicros, this.#start + (second + 1) * 1e6)
      const share = atMicros === before.atMicros ? 1 : (end - begin) / (atMicros - before.atMicros)
      this.#sent[second % (length + 1)]! += share * (now.sent - before.sent)
      this.#delivered[second % (length + 1)]! += share * (now.delivered - before.delivered)
    }
    this.#latencies[to % latencySeconds]!.add(recent)
    recent.reset()
    const samples = [...this.#samples, now]
    // one that is older than the two seconds is kept, so that they are spanned
    const first = samples.findIndex((_, i) =>
      i === samples.length - 1 || samples[i + 1]!.atMicros > atMicros - rateMicros
    )
    this.#samples = samples.slice(first)
  }

  /** Rates of the last two seconds. */
  get rates(): Rates {
    const first = this.#samples[0]!
    const last = this.#samples.at(-1)!
    const seconds = (last.atMicros - first.atMicros) / 1e6
    if (seconds === 0) return { sent: 0, delivered: 0 }
    return { sent: (last.sent - first.sent) / seconds, delivered: (last.delivered - first.delivered) / seconds }
  }

  /** Messages in each of the last whole seconds, the latest last: at most 60. */
  get seconds(): { readonly sent: ReadonlyArray<number>; readonly delivered: ReadonlyArray<number> } {
    const now = this.#second(this.#samples.at(-1)!.atMicros)
    const whole = Array.from({ length: Math.min(now, length) }, (_, i) => now - Math.min(now, length) + i)
    return {
      sent: whole.map((second) => this.#sent[second % (length + 1)]!),
      delivered: whole.map((second) => this.#delivered[second % (length + 1)]!)
    }
  }

  /** Latencies of the last ten seconds; the next call changes what this one gave. */
  get latency(): Latency {
    this.#latency.reset()
    for (const latency of this.#latencies) this.#latency.add(latency)
    return this.#latency
  }
}
