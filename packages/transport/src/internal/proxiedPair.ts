/** One connection through a proxy: the edge to Node's sockets and timers. */
import type { Socket } from "node:net"

const heldBytes = 65_536

/** What is held: what the server says, what the client says, or both. */
export type Held = "answers" | "questions" | "everything"

export interface Rules {
  /** Puts a filter, if any, before what the server's bytes are written with. */
  readonly cutting: (write: (bytes: Buffer) => void) => (chunk: Buffer) => void
  readonly held: () => Held | undefined
  readonly delayMillis: () => number
  readonly onClose: () => void
}

/** One direction. What is written waits while it is held, or comes late; a slow reader slows down the writer. */
class Way {
  private waiting: Array<Buffer> = []
  private waitingBytes = 0
  private readonly from: Socket
  private readonly to: Socket
  private readonly isHeld: () => boolean
  private readonly delayMillis: () => number
  private ends = false
  private readonly late: Array<{ readonly act: () => void; readonly dueAt: number }> = []

  constructor(from: Socket, to: Socket, isHeld: () => boolean, delayMillis: () => number) {
    this.from = from
    this.to = to
    this.isHeld = isHeld
    this.delayMillis = delayMillis
    to.on("drain", () => this.from.resume())
  }

  readonly write = (bytes: Buffer): void => {
    if (this.isHeld()) {
      this.waiting.push(bytes)
      this.waitingBytes += bytes.length
      if (this.waitingBytes >= heldBytes) this.from.pause()
      return
    }
    this.later(() => this.send(bytes))
  }

  /** What was said before comes first. */
  readonly end = (): void => {
    if (this.isHeld()) this.ends = true
    else this.later(() => this.to.end())
  }

  /** What waits, in order. */
  get held(): ReadonlyArray<Buffer> {
    return this.waiting
  }

  letGo(forget: boolean): void {
    if (this.isHeld()) return
    const waiting = forget ? [] : this.waiting
    this.waiting = []
    this.waitingBytes = 0
    for (const bytes of waiting) this.later(() => this.send(bytes), 0)
    if (this.ends) this.later(() => this.to.end(), 0)
    this.from.resume()
  }

  /** Nothing overtakes what was delayed for longer: one queue, since timers of different lengths end in any order. */
  private later(act: () => void, millis = this.delayMillis()): void {
    const dueAt = performance.now() + millis
    if (this.late.length === 0 && millis <= 0) return act()
    this.late.push({ act, dueAt: Math.max(this.late.at(-1)?.dueAt ?? 0, dueAt) })
    if (this.late.length === 1) this.wake()
  }

  private wake(): void {
    const first = this.late[0]
    if (first !== undefined) setTimeout(this.arrive, Math.max(0, Math.ceil(first.dueAt - performance.now())))
  }

  private readonly arrive = (): void => {
    const now = performance.now()
    for (let next = this.late[0]; next !== undefined && next.dueAt <= now; next = this.late[0]) {
      next.act()
      this.late.shift()
    }
    this.wake()
  }

  private send(bytes: Buffer): void {
    if (this.to.writable && !this.to.write(bytes)) this.from.pause()
  }
}

export class ProxiedPair {
  private readonly near: Socket
  private readonly far: Socket
  private readonly questions: Way
  private readonly ways: ReadonlyArray<Way>
  private isHalf = false

  constructor(near: Socket, far: Socket, { cutting, delayMillis, held, onClose }: Rules) {
    this.near = near
    this.far = far
    const holds = (what: Held) => held() === "everything" || held() === what
    const answers = new Way(far, near, () => holds("answers"), delayMillis)
    const questions = new Way(near, far, () => holds("questions"), delayMillis)
    this.questions = questions
    this.ways = [answers, questions]
    const take = cutting(answers.write)
    near.on("data", questions.write).on("end", questions.end)
    // the frames of a half that was closed go nowhere
    far.on("data", (chunk) => void (this.isHalf || take(chunk))).on("end", answers.end)
    const close = () => {
      onClose()
      this.destroy()
    }
    for (const socket of [near, far]) socket.setNoDelay(true).on("error", () => {}).on("close", close)
  }

  /** Looks again at what is held. */
  obey({ forget = false } = {}): void {
    for (const way of this.ways) way.letGo(forget)
  }

  /** What the client said and waits here. */
  asked(): Buffer {
    return Buffer.concat(this.questions.held)
  }

  halfClose(): void {
    this.isHalf = true
    this.near.end()
  }

  destroy(): void {
    this.near.destroy()
    this.far.destroy()
  }
}
