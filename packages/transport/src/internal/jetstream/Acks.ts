/**
 * Acknowledgements: kept until the broker has them, and sent again on the next connection. The latest ones are remembered:
 * a broker that was killed may have forgotten that it delivered a message, and so take no acknowledgement of it.
 */
import type { Session } from "./Session.ts"

const body = "+ACK"

/** What is known of a message that is acknowledged. */
export interface Acknowledged {
  readonly sequence: number
  readonly storedMillis: number
}

export class Acks {
  private session: Session | undefined
  /** Where those go that the broker may not have. */
  private subjects: Array<string> = []
  // each at its sequence modulo their length: sequences, and when those messages had been stored
  private readonly sequences: Float64Array
  private readonly storedMillis: Float64Array
  private flushing = false

  constructor(remembered: number) {
    this.sequences = new Float64Array(remembered)
    this.storedMillis = new Float64Array(remembered)
  }

  /** Sends what an earlier connection may not have delivered. */
  attach(session: Session): void {
    this.session = session
    for (const subject of this.subjects) session.acknowledge(subject, body)
    this.flush()
  }

  ack(subject: string, { sequence, storedMillis }: Acknowledged): void {
    const { length } = this.sequences
    if (length > 0) {
      this.sequences[sequence % length] = sequence
      this.storedMillis[sequence % length] = storedMillis
    }
    this.subjects.push(subject)
    if (this.session?.acknowledge(subject, body) === true) this.flush()
  }

  /** Whether the message was acknowledged, as far as that is remembered. */
  has({ sequence, storedMillis }: Acknowledged): boolean {
    const { length } = this.sequences
    return length > 0 && this.sequences[sequence % length] === sequence
      && this.storedMillis[sequence % length] === storedMillis
  }

  clear(): void {
    this.subjects = []
    this.sequences.fill(0)
  }

  private flush(): void {
    if (this.flushing || this.subjects.length === 0 || this.session === undefined || this.session.isOver) return
    this.flushing = true
    // those of this turn go with it
    queueMicrotask(() => {
      const { session, subjects } = this
      const { length } = subjects
      session?.roundTrip((done) => {
        this.flushing = false
        if (done && this.subjects === subjects) this.subjects = subjects.slice(length)
        this.flush()
      })
    })
  }
}
