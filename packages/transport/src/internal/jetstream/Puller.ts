/**
 * Asks a pull consumer for messages on one connection: no more than there is room for, in messages and in bytes.
 */
import { createInbox, type Msg, type Subscription } from "@nats-io/transport-node"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { type Incoming, OfChunk, OfClient } from "./Incoming.ts"
import type { Session } from "./Session.ts"

export interface Options {
  readonly session: Session
  readonly stream: string
  readonly consumer: string
  /** Milliseconds from any start. */
  readonly now: () => number
  readonly onMessage: (message: Incoming) => void
  /** A request has ended; `full` when the next message is larger than what was left of it. */
  readonly onRoom: (full: boolean) => void
  /** Nothing more comes from here: it is to be begun anew. */
  readonly onOver: () => void
}

/**
 * What the server is still to send for one request. Each has a subscription: the server answers several of them in turns, and
 * nothing else says which one a message is for.
 */
interface Request {
  messages: number
  bytes: number
  subscription: Subscription | undefined
}

const nanosPerMilli = 1_000_000
const expiresMillis = 30_000
const heartbeatMillis = 2_500
const silentMillis = 3 * heartbeatMillis
const leaveMillis = 2_000
/** What a message has beside its bytes and headers, as the server counts it, about. */
const overheadBytes = 256

export class Puller {
  private readonly options: Options
  private readonly subject: string
  private forget = () => {}
  private readonly requests = new Set<Request>()
  private heardAt: number
  private isOver = false

  constructor(options: Options) {
    this.options = options
    const { consumer, now, session, stream } = options
    this.subject = `$JS.API.CONSUMER.MSG.NEXT.${stream}.${consumer}`
    this.heardAt = now()
    this.forget = session.onEnd(() => this.end())
  }

  /** Asks for what there is room for beyond what was asked for already, when that is worth a request. */
  fill(messages: number, bytes: number): void {
    if (this.isOver) return
    let batch = messages
    let maxBytes = bytes
    for (const request of this.requests) {
      batch -= request.messages
      maxBytes -= request.bytes
    }
    const isIdle = this.requests.size === 0
    if (batch < 1 || maxBytes < 1 || (!isIdle && (batch < messages / 2 || maxBytes < bytes / 2))) return
    const { now, session } = this.options
    if (isIdle) this.heardAt = now()
    const inbox = createInbox()
    this.subscribe(inbox, { messages: batch, bytes: maxBytes, subscription: undefined })
    const request = {
      batch,
      max_bytes: maxBytes,
      expires: expiresMillis * nanosPerMilli,
      idle_heartbeat: heartbeatMillis * nanosPerMilli
    }
    session.publish(this.subject, JSON.stringify(request), { reply: inbox })
  }

  /** Looks for answers that do not come. */
  check(): void {
    if (this.isOver || this.requests.size === 0) return
    if (this.options.now() - this.heardAt > silentMillis) this.end()
  }

  /** Asks for no more, and takes what is on its way: succeeds when nothing more comes. */
  readonly leave: Effect.Effect<void> = Effect.suspend(() => {
    if (this.isOver) return Effect.void
    const drained = () =>
      Promise.all(Array.from(this.requests, ({ subscription }) => subscription?.drain() ?? Promise.resolve()))
    return Effect.tryPromise(drained).pipe(
      Effect.raceFirst(this.options.session.whenOver),
      Effect.timeoutOption(Duration.millis(leaveMillis)),
      Effect.ignore,
      Effect.andThen(Effect.sync(() => this.close()))
    )
  })

  /** Nothing that comes is wanted any more. */
  close(): void {
    if (this.isOver) return
    this.isOver = true
    this.forget()
    for (const request of this.requests) this.done(request)
  }

  private subscribe(inbox: string, request: Request): void {
    this.requests.add(request)
    request.subscription = this.options.session.subscribe(inbox, (error, message) => {
      if (!this.requests.has(request)) return
      if (error !== null) return this.end()
      if (message.reply === undefined || message.reply === "") this.onStatus(request, message)
      else this.onMessage(request, new OfClient(message))
    }, (...frame) => {
      if (this.requests.has(request)) this.onMessage(request, new OfChunk(...frame))
    })
  }

  /** Nothing more comes for it. */
  private done(request: Request): void {
    this.requests.delete(request)
    request.subscription?.unsubscribe()
  }

  private onMessage(request: Request, message: Incoming): void {
    this.heardAt = this.options.now()
    request.messages--
    request.bytes -= message.data.byteLength + overheadBytes
    if (request.messages === 0) this.done(request)
    this.options.onMessage(message)
    // not every message goes to the reader, who would come for more
    if (this.requests.size === 0) this.options.onRoom(false)
  }

  private onStatus(request: Request, { headers }: Msg): void {
    this.heardAt = this.options.now()
    const code = headers?.code ?? 0
    const description = headers?.description ?? ""
    if (code === 100) return
    // no more messages, the time is over, or the next message is larger than what was left
    const full = code === 409 && /maxbytes/i.test(description)
    if (code === 404 || code === 408 || full || (code === 409 && /batch completed/i.test(description))) {
      this.done(request)
      this.options.onRoom(full)
    } else this.end()
  }

  private end(): void {
    if (this.isOver) return
    this.close()
    this.options.onOver()
  }
}
