/**
 * Publishes on one channel: a bounded window of messages that are sent and sent again, in order, until they are stored.
 *
 * Order is kept by the broker: each message names the id of the one before it, and is refused when that is not the last
 * one of the stream. So when one is refused, all behind it are. The window is then sent again from there, the same bytes
 * under the same ids. What became of messages whose answer never came is read back from the stream first; the first one
 * that is sent after that names the sequence up to which was read.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { ChannelName } from "../../Channel.ts"
import type { PublishedMessage } from "../../JetStream.ts"
import { Closed, TransportError } from "../../TransportError.ts"
import type { Counters } from "../Counters.ts"
import { publishDenied } from "../Link.ts"
import { tell } from "../Unconfirmed.ts"
import { Call } from "./Call.ts"
import type { JetStreamCounters } from "./counters.ts"
import * as headers from "./headers.ts"
import * as outgoing from "./outgoing.ts"
import * as pubAck from "./pubAck.ts"
import { Sender } from "./Sender.ts"
import { type AckTaker, refused, type Session, SessionOver, streamNotFound } from "./Session.ts"
import type { Sessions } from "./Sessions.ts"
import type { StreamState } from "./streams.ts"
import { Tail } from "./Tail.ts"
import { Waiters } from "./Waiters.ts"
import { type Share, Window } from "./Window.ts"

export interface Options {
  readonly channel: ChannelName
  /** No other writer of the sessions has it. */
  readonly number: number
  readonly sessions: Sessions
  readonly ensure: (session: Session, channel: ChannelName) => Effect.Effect<StreamState, TransportError | SessionOver>
  readonly counters: Counters
  readonly stats: JetStreamCounters
  readonly maxMessages: number
  readonly maxBytes: number
  readonly ackMillis: number
  readonly ordered: boolean
  /** Begins the ids of messages that come without one; nobody else's begin so. */
  readonly idPrefix: string
  /** Of a writer that is to be the only one. */
  readonly epoch: number | undefined
  /** The last sequence that an only writer knows of. Default: the last one there is. */
  readonly after: number | undefined
  /** Milliseconds from any start. */
  readonly now: () => number
}

/**
 * - Idle: nothing is to be sent, and what is known of the stream may be old
 * - Syncing: it is being found out what is stored
 * - Open: messages are sent as they come
 * - Failed: for good
 */
type State = "Idle" | "Syncing" | "Open" | "Failed"

const maxRaces = 5

const retryMillis = { first: 100, longest: 5000 }

export class Writer implements AckTaker {
  private readonly options: Options
  private readonly window: Window
  private state: State = "Idle"
  private failure: TransportError | undefined
  /** Why what waits in the window cannot be stored now. */
  private trouble: TransportError | undefined
  /** Whether the stream was found or made, since there was trouble. */
  private known = false
  private readonly waiters = new Waiters()
  private readonly tail: Tail
  private readonly sender: Sender
  private session: Session | undefined
  private forgetSession = () => {}
  /** When the broker last answered, or had nothing to answer. */
  private progressAt = 0
  /** The messages before this one may be stored, with an answer that never came. */
  private unknownBefore = 0
  private usedAt: number
  private idNumber = 0
  /** Nobody answers though the stream is there: it is not to be asked too often. */
  private stumbled = false
  /** How often, since something was stored, others were quicker than what names the last sequence. */
  private races = 0
  private wakeSync: (() => void) | undefined
  /** Whether it failed with messages that were not stored. */
  private dropped = false

  constructor(options: Options) {
    this.options = options
    this.usedAt = options.now()
    this.window = new Window(options.counters)
    this.tail = new Tail(options, this.window)
    const onTooLarge = (number: number, error: TransportError) => this.giveUp(number, error)
    this.sender = new Sender({ ...options, onTooLarge }, this.window, this.tail)
  }

  /** The last sequence of the stream that this writer knows of. */
  get sequence(): number {
    return this.tail.sequence
  }

  /** The stream takes no larger messages, headers included, as far as that is known. */
  get maxMessageBytes(): number {
    return this.tail.maxMessageBytes
  }

  /** Looks what messages the stream takes now. */
  lookAtLimit(session: Session): Effect.Effect<void> {
    return this.tail.lookAtLimit(session)
  }

  /** Messages that are not stored yet. */
  get length(): number {
    return this.window.length
  }

  /** Somebody is about to publish. */
  touch(): void {
    this.usedAt = this.options.now()
  }

  /** Whether nobody has used it for so long, and nothing and nobody waits. */
  isIdleFor(millis: number): boolean {
    return this.window.length === 0 && this.waiters.length === 0 && this.options.now() - this.usedAt > millis
  }

  /** Succeeds when messages can be added; fails with what keeps them from being stored. */
  readonly ready: Effect.Effect<void, TransportError> = Effect.suspend(() => {
    if (this.known && this.failure === undefined && this.trouble === undefined) return Effect.void
    if (this.state === "Idle") this.sync()
    return this.waiters.until(
      () => this.known || this.failure !== undefined || this.trouble !== undefined,
      () => this.outcome
    )
  })

  /** Takes messages from an index on, as far as there is room, and returns the index of the first one not taken. */
  add(messages: ReadonlyArray<PublishedMessage>, from: number, call: Call): number {
    const { maxBytes, maxMessages } = this.options
    let i = from
    if (!call.goesOnIn(this.window.stream)) call.fail(this.remade)
    for (; i < messages.length && this.state !== "Failed" && call.error === undefined; i++) {
      const { length } = this.window
      if (length >= maxMessages || (length > 0 && this.window.byteLength >= maxBytes)) break
      const message = messages[i]!
      const id = this.idOf(message)
      this.window.add({
        id,
        lines: headers.fixed(id, message.position, this.options.epoch),
        frame: outgoing.encode(message),
        call,
        payloads: message.payloads.length,
        after: undefined,
        waiting: true
      })
      this.options.counters.published++
    }
    if (this.state === "Idle" && i > from) this.sync()
    this.send()
    return i
  }

  /** Waits until there is much room, or the call has failed. */
  room(call: Call): Effect.Effect<void, TransportError> {
    const { maxBytes, maxMessages } = this.options
    // not for every message that is stored: callers come for many
    const isRoom = () => this.window.length <= maxMessages / 2 && this.window.byteLength <= maxBytes / 2
    return this.waiters.until(() => isRoom() || call.error !== undefined || this.failure !== undefined, () => {
      const error = call.error ?? this.failure
      return error === undefined ? Effect.void : Effect.fail(error)
    })
  }

  /** Succeeds when everything that was added before is stored, or was given back to callers that wait. */
  readonly flush: Effect.Effect<void, TransportError> = Effect.suspend(() => {
    const { end } = this.window
    const isStored = () => this.window.first >= end && !this.dropped
    return this.waiters.until(
      () => isStored() || this.failure !== undefined || this.trouble !== undefined,
      () => isStored() ? Effect.void : this.outcome
    )
  })

  onAck(attempt: number, number: number, data: Uint8Array, code: number): void {
    if (!(number >= this.window.first && number < this.window.end) || this.state === "Failed") return
    const ack = pubAck.read(data, code)
    // none of the broker's: what became of the message is found out when no answer comes
    if (ack === undefined) return
    // without an order the others say nothing of the first one
    if (this.options.ordered || number === this.window.first) this.progressAt = this.options.now()
    if (ack._tag === "Stored") this.stored(number, ack.sequence, ack.duplicate)
    // a refusal of an earlier try means nothing any more
    else if (attempt === this.sender.attempt && this.state === "Open") this.refuse(number, ack.code, ack.problem)
  }

  onDenied(subject: string): void {
    if (subject === this.options.channel && this.state !== "Failed") this.hold(publishDenied(this.options.channel))
  }

  /** Looks for answers that do not come. */
  check(): void {
    const inFlight = this.state === "Open" && this.sender.next > this.window.first
    if (!inFlight || this.options.now() - this.progressAt < this.options.ackMillis) return
    this.options.stats.ackTimeouts++
    this.unknownBefore = this.sender.next
    this.sync()
  }

  /** Nothing more is stored: `uncertain` says whether any of what waits may be. */
  fail(error: TransportError, uncertain: boolean): void {
    if (this.state === "Failed") return
    this.state = "Failed"
    this.failure = error
    const { counters } = this.options
    const lost = this.window.take(() => true)
    this.dropped = lost.size > 0
    for (const [call, { messages, payloads }] of lost) {
      if (uncertain && !call.confirmed) counters.uncertain += messages
      else counters.publishErrors += messages
      if (!call.confirmed) tell(call.onUncertain, messages, payloads)
    }
    this.forgetSession()
    this.wakeSync?.()
    // last, since callers go on at once
    for (const call of lost.keys()) call.fail(error)
    this.waiters.wake()
  }

  close(): void {
    this.fail(new TransportError({ reason: new Closed({}) }), true)
  }

  /** Finds out what is stored whenever that is not known; until it fails. */
  readonly run: Effect.Effect<void> = Effect.suspend(() => {
    let failures = 0
    const wait = Effect.callback<void>((resume) => {
      if (this.state === "Syncing" || this.state === "Failed") return resume(Effect.void)
      this.wakeSync = () => resume(Effect.void)
      return Effect.sync(() => {
        this.wakeSync = undefined
      })
    })
    const round = Effect.gen({ self: this }, function*() {
      yield* wait
      if (this.state === "Failed") return
      // a refusal is tried again after a while, with one message
      if (this.trouble !== undefined || this.stumbled) {
        this.stumbled = false
        const delay = Math.min(retryMillis.first * 2 ** Math.min(failures++, 10), retryMillis.longest)
        yield* Effect.sleep(Duration.millis(delay))
      }
      const session = yield* this.options.sessions.await
      // meanwhile
      if (this.isOver) return
      yield* this.synchronise(session).pipe(
        Effect.tap(() =>
          Effect.sync(() => {
            failures = this.trouble === undefined ? 0 : failures
          })
        ),
        Effect.catch((error) => {
          // whoever got back what may be stored would publish it a second time
          const unknown = this.unknownBefore > this.window.first
          if (!unknown || !error.isRetryable) return Effect.sync(() => this.hold(error))
          this.stumbled = true
          return failures > 1 ? Effect.void : Effect.annotateLogs(
            Effect.logWarning("it cannot be found out what is stored"),
            { channel: this.options.channel, problem: error.message }
          )
        })
      )
    })
    return Effect.repeat(round, { while: () => !this.isOver }).pipe(
      // a mistake, ours or in an option that is a function: whoever waits would wait for ever
      Effect.catchDefect((defect) => {
        const problem = defect instanceof Error ? defect.message : String(defect)
        this.fail(refused(this.options.channel, "store messages", 0, problem), true)
        return Effect.annotateLogs(Effect.logError("a writer has ended", defect), { channel: this.options.channel })
      })
    )
  })

  private get isOver(): boolean {
    return this.state === "Failed"
  }

  private idOf({ id }: PublishedMessage): string {
    const { epoch, idPrefix } = this.options
    if (id === undefined) return `${idPrefix}${(this.idNumber++).toString(36)}`
    // a message of an earlier holder must not count as this one's
    return epoch === undefined ? id : `${id}@${epoch}`
  }

  private send(): void {
    if (this.state !== "Open") return
    if (this.sender.next === this.window.first) this.progressAt = this.options.now()
    this.sender.send()
  }

  /** No messages of this size are taken any more. A caller that waits gets back what comes after it, too. */
  private giveUp(number: number, error: TransportError): void {
    const { call } = this.window.at(number)
    const given = this.window.take((slot, other) =>
      other === number || (call.confirmed && slot.call === call && other > number)
    )
    const { messages, payloads } = given.get(call) ?? { messages: 0, payloads: 0 }
    this.options.counters.publishErrors += messages
    this.forgetTrouble()
    if (call.confirmed) call.fail(error)
    else tell(call.onUncertain, messages, payloads)
    this.waiters.wake()
  }

  private stored(number: number, sequence: number, duplicate: boolean): void {
    const { epoch, ordered, stats } = this.options
    if (duplicate) {
      // others have stored something before it that was not looked at; what is before all that is known was
      if (epoch !== undefined && sequence > this.sequence + 1) return this.sync()
      stats.duplicates++
    }
    if (ordered && !duplicate) {
      // those before it are stored too, or it would have been refused
      const { first } = this.window
      this.tail.extend(sequence, this.window.countUpTo(number))
      this.wellAgain()
      // last, since callers go on at once
      for (let i = first; i <= number; i++) this.window.settle(i)
    } else {
      this.tail.reach(sequence)
      this.wellAgain()
      this.window.settle(number)
    }
    this.sender.widen()
    this.send()
    this.waiters.wake()
  }

  private wellAgain(): void {
    this.trouble = undefined
    this.races = 0
  }

  private refuse(number: number, code: number, problem: string): void {
    const { channel, epoch, stats } = this.options
    // one that is too large is given up when it is known what the stream takes now
    if (code === pubAck.noResponders || code === streamNotFound || code === pubAck.tooLarge) {
      this.stumbled = true
      // a leader may say so, or be lost, before it says of those in front that they are stored
      this.unknownBefore = Math.max(this.unknownBefore, number)
      return this.sync()
    }
    if (code !== pubAck.wrongLastId && code !== pubAck.wrongLastSequence) {
      return this.hold(refused(channel, "store messages", code, problem))
    }
    stats.resyncs++
    // all before it was answered, so it is the first that is not stored: nothing to read back
    const certain = number === this.window.first && number >= this.unknownBefore && code === pubAck.wrongLastId
    if (epoch === undefined && certain) return this.begin(headers.nothing)
    // with others who publish without a pause it would never win: the broker knows the ids of what it stored just now
    if (code === pubAck.wrongLastSequence && this.races++ < maxRaces) this.unknownBefore = this.sender.next
    this.sync()
  }

  /** A new try, from the first message that waits: alone after trouble. */
  private begin(expectation: headers.Expectation): void {
    if (this.session === undefined) return
    this.sender.begin(this.session, expectation, this.trouble !== undefined)
    this.state = "Open"
    this.send()
  }

  /** Nothing is sent until it is known what is stored. */
  private sync(): void {
    if (this.state === "Failed") return
    this.state = "Syncing"
    this.wakeSync?.()
  }

  private readonly synchronise = (session: Session): Effect.Effect<void, TransportError> =>
    Effect.suspend(() => {
      this.attach(session)
      return this.tail.look(session, () => this.unknownBefore > this.window.first)
    }).pipe(
      Effect.map((found) => {
        if (this.state === "Failed") return
        if (found._tag === "Fenced") return this.fail(found.error, false)
        const parts = this.tail.takeRemade() ? this.takeParts() : []
        if (!session.isOver) {
          if (found.isRead) this.unknownBefore = this.window.first
          this.known = true
          this.forgetTrouble()
          this.begin(found.expectation)
        }
        this.waiters.wake()
        // last, since callers go on at once
        for (const call of parts) call.fail(this.remade)
        this.waiters.wake()
      }),
      // with the next session, then
      Effect.catchIf((error) => error instanceof SessionOver, () => Effect.void)
    )

  /**
   * What a stream that is gone had of a call is not on the one in its place, and the rest alone would come before it there
   * when the whole is published again: its caller gets all of it back, and so do those who wait behind it.
   */
  private takeParts(): ReadonlyArray<Call> {
    const isPart = Array.from(this.window.waiting()).some(([, { call }]) => call.isPart)
    const taken = isPart ? this.window.take(({ call }) => call.confirmed) : new Map<Call, Share>()
    for (const { messages } of taken.values()) this.options.counters.publishErrors += messages
    return Array.from(taken.keys())
  }

  private get remade(): TransportError {
    const { channel } = this.options
    return refused(channel, "store messages", 0, "its stream was made anew when some of them were stored")
  }

  private attach(session: Session): void {
    if (this.session === session) return
    this.forgetSession()
    this.session = session
    session.listenFor(this.options.number, this)
    const forget = session.onEnd(() => this.lose(session))
    this.forgetSession = () => {
      forget()
      session.forget(this.options.number)
    }
  }

  /** What was sent on it and not answered may be stored. */
  private lose(session: Session): void {
    if (this.session !== session || this.state === "Failed") return
    this.session = undefined
    this.unknownBefore = Math.max(this.unknownBefore, this.sender.next)
    // who waits for the writer to be ready has nothing in the window yet
    if (this.window.length > 0 || this.waiters.length > 0) this.sync()
    else this.state = "Idle"
  }

  /** The broker refuses what waits: those who can be told get it back, the rest is tried again after a while. */
  private hold(error: TransportError): void {
    if (this.state === "Failed") return
    const refused = this.window.take(({ call }) => call.confirmed)
    for (const { messages } of refused.values()) this.options.counters.publishErrors += messages
    const rest = this.window.length > 0
    this.known = rest && this.known
    this.trouble = error
    if (rest) this.sync()
    else this.state = "Idle"
    this.waiters.wake()
    this.forgetTrouble()
    // last, since callers go on at once
    for (const call of refused.keys()) call.fail(error)
    this.waiters.wake()
  }

  /** Nothing waits that could be refused again: whoever comes next finds out anew. */
  private forgetTrouble(): void {
    if (this.window.length === 0) this.trouble = undefined
  }

  private get outcome(): Effect.Effect<void, TransportError> {
    const error = this.failure ?? this.trouble
    return error === undefined ? Effect.void : Effect.fail(error)
  }
}
