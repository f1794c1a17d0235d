/**
 * Pauses the connection's socket while subscribers are behind, within bounds.
 *
 * What is not read stays with the broker, which holds little (64 MiB by default) and then cuts the connection; what it
 * held is lost uncounted, and the other subscriptions wait too. So a pause is short, by time and by what comes meanwhile
 * at the rate that filled the subscriber; what a slow subscriber cannot take after it is dropped and counted.
 *
 * This is the one place that needs a part of the client that is not public: the socket. Without it nothing is paused.
 */
import type { NatsConnection } from "@nats-io/transport-node"
import * as Predicate from "effect/Predicate"
import type { Socket } from "node:net"

/** The longest that the socket is paused, in milliseconds. */
const maxPauseMillis = 2000
/** The most that is left with the broker by a pause, in bytes. */
const maxHeldBytes = 16_777_216
/** How much of the time after a pause counts towards the next: the socket is open for four fifths of a long overload. */
const refill = 0.25
/** A pause that would be shorter than this, in milliseconds, is not worth the system calls. */
const minPauseMillis = 20

/** The socket of a connection, where this version of the client keeps it. */
export const socketOf = (client: NatsConnection): Socket | undefined => {
  const at = (value: unknown, key: string): unknown => Predicate.hasProperty(value, key) ? value[key] : undefined
  const socket = at(at(at(client, "protocol"), "transport"), "socket")
  return Predicate.hasProperty(socket, "pause") && Predicate.isFunction(socket.pause)
      && Predicate.hasProperty(socket, "resume") && Predicate.isFunction(socket.resume)
    ? socket as unknown as Socket // looked at above
    : undefined
}

/** How full a subscriber is: filling, full enough to be waited for, or emptied again. */
export type Level = "half" | "high" | "empty"

export interface Options {
  readonly socket: Pick<Socket, "pause" | "resume"> | undefined
  /** Milliseconds from any start; never goes back. */
  readonly now: () => number
  /** Bytes that the connection has received so far. */
  readonly received: () => number
}

export class SocketGate {
  private readonly options: Options
  private readonly filling = new Map<object, { readonly at: number; readonly received: number }>()
  private readonly high = new Set<object>()
  /** What is left of the pause that is allowed, from 0 to 1. */
  private budget = 1
  private allowedMillis = maxPauseMillis
  private paused = false
  private since: number
  private timer: ReturnType<typeof setTimeout> | undefined

  constructor(options: Options) {
    this.options = options
    this.since = options.now()
  }

  get isPaused(): boolean {
    return this.paused
  }

  /** A subscriber has reached a level. */
  pressure(subscriber: object, level: Level): void {
    if (this.options.socket === undefined) return
    if (level === "half") {
      this.filling.set(subscriber, { at: this.options.now(), received: this.options.received() })
    } else if (level === "high") {
      this.high.add(subscriber)
      this.pause(subscriber)
    } else {
      this.filling.delete(subscriber)
      this.high.delete(subscriber)
      if (this.high.size === 0) this.open()
    }
  }

  /** The connection is over. */
  close(): void {
    this.high.clear()
    this.filling.clear()
    this.paused = false
    clearTimeout(this.timer)
  }

  private pause(subscriber: object): void {
    if (this.paused) return
    const now = this.options.now()
    const start = this.filling.get(subscriber)
    const bytes = start === undefined ? 0 : this.options.received() - start.received
    const perMilli = bytes / Math.max(1, now - (start?.at ?? now))
    this.budget = Math.min(1, this.budget + (now - this.since) * refill / this.allowedMillis)
    this.allowedMillis = Math.max(minPauseMillis, Math.min(maxPauseMillis, maxHeldBytes / perMilli))
    this.since = now
    const millis = this.budget * this.allowedMillis
    if (millis < minPauseMillis) return
    this.paused = true
    this.options.socket?.pause()
    // nobody who is behind now pauses it again before having caught up
    this.timer = setTimeout(() => this.open(), millis)
  }

  private open(): void {
    if (!this.paused) return
    clearTimeout(this.timer)
    const now = this.options.now()
    this.budget = Math.max(0, this.budget - (now - this.since) / this.allowedMillis)
    this.since = now
    this.paused = false
    this.options.socket?.resume()
  }
}
