/**
 * What came from a channel for one stream and is not delivered yet. Outlives the sink, which may be opened again.
 *
 * @since 0.1.0
 */
import type { Delivery } from "@kps/connector"
import type { Channel, TransportError } from "@kps/transport"
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"

/**
 * So many payloads are given to a sink at once, and so many set aside, at most.
 *
 * @category constants
 * @since 0.1.0
 */
export const limits = { batch: 512, aside: 1_024 } as const

/**
 * An item that is tried again at an instant, in milliseconds since the Unix epoch.
 *
 * @category models
 * @since 0.1.0
 */
export interface Aside {
  readonly item: Delivery.Outgoing
  readonly at: number
}

/**
 * What is to be known of a message besides its payloads, where it is acknowledged.
 *
 * @category models
 * @since 0.1.0
 */
export interface Origin {
  /** The ids of its payloads begin with it. */
  readonly stem: string
  /** So many of its payloads are not dealt with. */
  left: number
  /** Called when all of its payloads are dealt with. */
  readonly settle: () => void
}

/**
 * One array of messages at a time, cut into batches, and what of a batch is to be tried again.
 *
 * @category models
 * @since 0.1.0
 */
export class EgressQueue {
  /** Why nothing more comes: the subscription ended, or failed. */
  ended: { readonly error?: TransportError.TransportError } | undefined
  /** When the first of those that fail has to be given up, as was last heard. */
  dueAt: number | undefined
  private readonly prefix: string
  private readonly now: () => number
  private readonly some = Latch.makeUnsafe()
  private readonly room = Latch.makeUnsafe(true)
  private messages: ReadonlyArray<Channel.Message> = []
  /** Of the messages, where there is something to be known of them. */
  private origins: ReadonlyArray<Origin> | undefined
  private message = 0
  private payload = 0
  private arrays = 0
  /** Of the payloads of an array: what all of their ids begin with, and how many were cut off. */
  private stem = ""
  private cut = 0
  private pending: ReadonlyArray<Delivery.Outgoing> = []
  /** Where the pending are from, one for each; empty where that need not be known. */
  private from: ReadonlyArray<Origin> = []
  /** So many at the end of the pending were never given to a sink. */
  private fresh = 0
  /** So many of the pending are given to a sink one by one. */
  private apart = 0
  /** When those that have failed did so first, by id. */
  private readonly failures = new Map<string, number>()
  /** What is to be tried again later, while others pass. */
  private aside: Array<Aside & { readonly from: Origin | undefined }> = []

  /**
   * `prefix` makes the ids of this queue differ from those of any other. `now` is in milliseconds since the Unix epoch.
   */
  constructor(prefix: string, now: () => number) {
    this.prefix = prefix
    this.now = now
  }

  /** Takes an array off the subscription; succeeds when there is room for the next: when its last batch is cut. */
  put(messages: ReadonlyArray<Channel.Message>, origins?: ReadonlyArray<Origin>): Effect.Effect<void> {
    this.messages = messages
    this.origins = origins
    this.message = 0
    this.payload = 0
    this.stem = `${this.prefix}-${this.arrays++}-`
    this.cut = 0
    this.room.closeUnsafe()
    this.some.openUnsafe()
    return this.room.await
  }

  /** Nothing more comes. */
  end(error?: TransportError.TransportError): void {
    this.ended = error === undefined ? {} : { error }
    this.some.openUnsafe()
  }

  /** Waits until there is something, or until nothing more comes. */
  get whenSome(): Effect.Effect<void> {
    return this.some.await
  }

  /** Whether a batch is with a sink, or waits for another try. */
  get isBusy(): boolean {
    return this.pending.length > 0
  }

  /** How long the next batch is: what has to be tried again comes before what is new. 0 when there is neither. */
  next(): number {
    if (this.pending.length === 0 && !this.recall()) this.fill()
    return this.apart > 0 ? 1 : this.pending.length
  }

  /** The first `count` of the pending, for a sink that is given them now. */
  begin(count: number): ReadonlyArray<Delivery.Outgoing> {
    const tried = this.pending.length - this.fresh
    if (tried > 0) {
      this.pending = this.pending.map((item, i) =>
        i < tried && i < count ? { ...item, attempt: item.attempt + 1 } : item
      )
    }
    this.fresh = Math.min(this.fresh, this.pending.length - count)
    return count === this.pending.length ? this.pending : this.pending.slice(0, count)
  }

  /** The first `count` of the pending are dealt with, but for `again`, which stay at the front. */
  done(count: number, again: ReadonlyArray<Delivery.Outgoing> = []): void {
    this.forget(count, again)
    if (this.from.length > 0) this.from = this.settle(count, again)
    this.pending = count === this.pending.length ? again : [...again, ...this.pending.slice(count)]
    if (this.apart > 0) this.apart = Math.max(0, this.apart - count) + again.length
  }

  /** When an item failed first; now, if it did not before. */
  failed({ id }: Delivery.Outgoing): number {
    const first = this.failures.get(id) ?? this.now()
    this.failures.set(id, first)
    return first
  }

  /** Whether there is room for more that others pass. */
  get hasRoomAside(): boolean {
    return this.aside.length < limits.aside
  }

  /** The first of the pending, so many as are given, are tried again at an instant of their own, and others pass. */
  setAside(items: ReadonlyArray<Aside>): void {
    if (items.length === 0) return
    this.pending = this.pending.slice(items.length)
    const from = this.from.slice(0, items.length)
    this.from = this.from.slice(items.length)
    if (this.apart > 0) this.apart = Math.max(0, this.apart - items.length)
    this.aside.push(...items.map((item, i) => ({ ...item, from: from[i] })))
  }

  /** Milliseconds until one of those aside is to be tried; nothing when there is none. */
  get untilAside(): number | undefined {
    return this.aside.length === 0 ? undefined : Math.max(0, Math.min(...this.aside.map(({ at }) => at)) - this.now())
  }

  /** All of those aside are to be tried at once. */
  hurry(): void {
    this.aside = this.aside.map((one) => ({ ...one, at: 0 }))
  }

  /** The first `count` of the pending are given to a sink one by one from now on. */
  takeApart(count: number): void {
    this.apart = count
  }

  /** How many payloads are here. */
  get length(): number {
    let length = this.pending.length + this.aside.length
    for (let i = this.message; i < this.messages.length; i++) length += this.messages[i]!.payloads.length
    return this.message < this.messages.length ? length - this.payload : length
  }

  /** Those aside whose time has come are the pending; false when there are none. */
  private recall(): boolean {
    if (this.aside.length === 0) return false
    const now = this.now()
    const due = this.aside.filter(({ at }) => at <= now).slice(0, limits.batch)
    if (due.length === 0) return false
    this.aside = this.aside.filter((one) => !due.includes(one))
    this.pending = due.map(({ item }) => item)
    this.from = due.flatMap(({ from }) => from === undefined ? [] : [from])
    this.fresh = 0
    return true
  }

  /** What is dealt with has failed no more. */
  private forget(count: number, again: ReadonlyArray<Delivery.Outgoing>): void {
    if (this.failures.size === 0) return
    const kept = new Set(again)
    for (let i = 0; i < count; i++) if (!kept.has(this.pending[i]!)) this.failures.delete(this.pending[i]!.id)
    if (this.failures.size === 0) this.dueAt = undefined
  }

  /** The first `count` of the pending are dealt with, but for `again`: where those are from. */
  private settle(count: number, again: ReadonlyArray<Delivery.Outgoing>): ReadonlyArray<Origin> {
    const rest = this.from.slice(count)
    const kept = new Map<Delivery.Outgoing, Origin>()
    if (again.length > 0) { for (let i = 0; i < count; i++) kept.set(this.pending[i]!, this.from[i]!) }
    const from = again.map((item) => kept.get(item)!)
    for (const origin of from) origin.left++
    for (let i = 0; i < count; i++) {
      const origin = this.from[i]!
      if (--origin.left === 0) origin.settle()
    }
    return [...from, ...rest]
  }

  private fill(): void {
    const batch: Array<Delivery.Outgoing> = []
    const from: Array<Origin> = []
    while (this.message < this.messages.length) {
      const { payloads, timestampNanos } = this.messages[this.message]!
      const origin = this.origins?.[this.message]
      while (this.payload < payloads.length) {
        if (batch.length === limits.batch) return this.hold(batch, from)
        // Two texts and not a new one: nobody may ask for it.
        const id = origin === undefined ? this.stem + this.cut++ : origin.stem + this.payload
        batch.push({ id, payload: payloads[this.payload++]!, timestamp: timestampNanos, attempt: 1 })
        if (origin !== undefined) from.push(origin)
      }
      if (payloads.length === 0) origin?.settle()
      this.payload = 0
      this.message++
    }
    this.hold(batch, from)
    this.messages = []
    this.origins = undefined
    this.message = 0
    if (this.ended === undefined) this.some.closeUnsafe()
    this.room.openUnsafe()
  }

  private hold(batch: ReadonlyArray<Delivery.Outgoing>, from: ReadonlyArray<Origin>): void {
    this.pending = batch
    this.from = from
    this.fresh = batch.length
  }
}
