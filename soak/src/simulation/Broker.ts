/** A broker with streams and consumers, as JetStream keeps them: it goes away, and loses nothing that it has stored. */
import type { JetStream } from "@kps/transport"
import { Deferred, Effect, Exit } from "effect"

export interface Kept extends JetStream.PublishedMessage {
  readonly sequence: number
  readonly epoch: number | undefined
  readonly storedMillis: number
}

/** A durable consumer: what is acknowledged, and who holds what until when. */
export class Durable {
  readonly acknowledged = new Set<number>()
  private readonly held = new Map<number, { readonly by: object; readonly until: number }>()
  private readonly counts = new Map<number, number>()
  private floor: number

  constructor(after: number) {
    this.floor = after
  }

  /**
   * Up to so many that nobody holds, in order; they are held from now on.
   *
   * A real broker may give what comes again behind what is newer. Of that the server sees nothing here: its streams are
   * strict, and the transport's `Consumer` puts what comes again to an exclusive reader in order before it shows it. What
   * it does for that is held by the tests of the transport, and by the runs with processes.
   */
  take(kept: ReadonlyArray<Kept>, by: object, most: number, now: number, waitMillis: number): ReadonlyArray<Kept> {
    while (this.acknowledged.has(this.floor + 1)) this.floor++
    const found: Array<Kept> = []
    for (let n = this.floor; n < kept.length && found.length < most; n++) {
      const message = kept[n]
      if (message === undefined || this.acknowledged.has(message.sequence)) continue
      const holder = this.held.get(message.sequence)
      if (holder !== undefined && holder.until > now) continue
      this.held.set(message.sequence, { by, until: now + waitMillis })
      this.counts.set(message.sequence, this.count(message.sequence) + 1)
      found.push(message)
    }
    return found
  }

  count(sequence: number): number {
    return this.counts.get(sequence) ?? 0
  }

  get ackFloor(): number {
    return this.floor
  }

  get pending(): number {
    return this.held.size
  }

  acknowledge(sequences: ReadonlyArray<number>): void {
    for (const sequence of sequences) {
      this.acknowledged.add(sequence)
      this.held.delete(sequence)
    }
  }

  /** They may be had again: those of one holder, or all. */
  release(by?: object): void {
    for (const [sequence, holder] of this.held) if (by === undefined || holder.by === by) this.held.delete(sequence)
  }

  /** Who holds them still: others have been delivered anew to somebody else. */
  holds(sequence: number, by: object): boolean {
    return this.held.get(sequence)?.by === by
  }

  extend(by: object, until: number): void {
    for (const [sequence, holder] of this.held) if (holder.by === by) this.held.set(sequence, { by, until })
  }

  /** When the next of those that are held may be had again. */
  get nextMillis(): number {
    return Math.min(...Array.from(this.held.values(), ({ until }) => until))
  }
}

/** A stream with the messages of one channel. */
export class Channel {
  readonly kept: Array<Kept> = []
  readonly durables = new Map<string, Durable>()
  private readonly known = new Map<string, number>()
  private changed = Deferred.makeUnsafe<void>()
  private readonly duplicateWindowMillis: number

  constructor(duplicateWindowMillis: number) {
    this.duplicateWindowMillis = duplicateWindowMillis
  }

  get last(): number {
    return this.kept.length
  }

  /** Succeeds at the next change. */
  get whenChanged(): Effect.Effect<void> {
    return Deferred.await(this.changed)
  }

  tell(): void {
    const before = this.changed
    this.changed = Deferred.makeUnsafe()
    Deferred.doneUnsafe(before, Exit.void)
  }

  /** Stores a message, unless its id was stored within the window. Gives its sequence. */
  store(message: JetStream.PublishedMessage, epoch: number | undefined, now: number): number {
    const { id } = message
    if (id !== undefined) {
      const sequence = this.known.get(id)
      const before = sequence === undefined ? undefined : this.kept[sequence - 1]
      if (before !== undefined && now - before.storedMillis < this.duplicateWindowMillis) return before.sequence
    }
    const sequence = this.kept.length + 1
    this.kept.push({ ...message, sequence, epoch, storedMillis: now })
    if (id !== undefined) this.known.set(id, sequence)
    this.tell()
    return sequence
  }
}

export class Broker {
  readonly channels = new Map<string, Channel>()
  /** Told when it goes and when it comes. */
  readonly watchers = new Set<() => void>()
  readonly duplicateWindowMillis: number
  private back = Deferred.makeUnsafe<void>()
  private away = false

  constructor(duplicateWindowMillis: number) {
    this.duplicateWindowMillis = duplicateWindowMillis
    Deferred.doneUnsafe(this.back, Exit.void)
  }

  get isAway(): boolean {
    return this.away
  }

  /** Succeeds while it is there. */
  get whenThere(): Effect.Effect<void> {
    return Deferred.await(this.back)
  }

  leave(): void {
    if (this.away) return
    this.away = true
    this.back = Deferred.makeUnsafe()
    this.tell()
  }

  comeBack(): void {
    if (!this.away) return
    this.away = false
    Deferred.doneUnsafe(this.back, Exit.void)
    this.tell()
  }

  private tell(): void {
    for (const watcher of this.watchers) watcher()
    for (const channel of this.channels.values()) channel.tell()
  }

  channel(name: string): Channel {
    const channel = this.channels.get(name) ?? new Channel(this.duplicateWindowMillis)
    this.channels.set(name, channel)
    return channel
  }
}
