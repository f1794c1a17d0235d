/** Acknowledgements on their way: kept until the broker has them, and sent again on the next connection. */
import type { Session } from "./Session.ts"

const body = "+ACK"

export class Acks {
  private session: Session | undefined
  /** Where those go that the broker may not have. */
  private subjects: Array<string> = []
  private flushing = false

  /** Sends what an earlier connection may not have delivered. */
  attach(session: Session): void {
    this.session = session
    for (const subject of this.subjects) session.acknowledge(subject, body)
    this.flush()
  }

  ack(subject: string): void {
    this.subjects.push(subject)
    if (this.session?.acknowledge(subject, body) === true) this.flush()
  }

  clear(): void {
    this.subjects = []
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
