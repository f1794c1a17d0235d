/**
 * Pauses the connection's socket while subscribers are behind, within bounds.
 *
 * What is not read stays with the broker, which holds little, and cuts a connection that it cannot write to. The other
 * subscriptions wait too. So a pause is short, and what a slow subscriber cannot take after it is dropped and counted.
 *
 * This is the one place that needs a part of the client that is not public: the socket. Without it nothing is paused.
 */
import type { NatsConnection } from "@nats-io/transport-node"
import * as Predicate from "effect/Predicate"
import type { Socket } from "node:net"

/** The longest pause, in milliseconds; and how much of the time after it counts towards the next. */
const maxPauseMillis = 2000
const refill = 0.25
/** A pause that would be shorter than this is not worth the system calls. */
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

export class SocketGate {
  private readonly socket: Socket | undefined
  private readonly now: () => number
  private readonly high = new Set<object>()
  private budget = maxPauseMillis
  private paused = false
  private since: number
  private timer: ReturnType<typeof setTimeout> | undefined

  /** `now` is in milliseconds from any start, and never goes back. */
  constructor(socket: Socket | undefined, now: () => number) {
    this.socket = socket
    this.now = now
    this.since = now()
  }

  get isPaused(): boolean {
    return this.paused
  }

  /** A subscriber is behind, or has caught up. */
  pressure(subscriber: object, high: boolean): void {
    if (high) this.high.add(subscriber)
    else this.high.delete(subscriber)
    if (this.high.size === 0) this.open()
    else if (high) this.pause()
  }

  /** The connection is over. */
  close(): void {
    this.high.clear()
    this.paused = false
    clearTimeout(this.timer)
  }

  private pause(): void {
    if (this.paused || this.socket === undefined) return
    const now = this.now()
    this.budget = Math.min(maxPauseMillis, this.budget + (now - this.since) * refill)
    this.since = now
    if (this.budget < minPauseMillis) return
    this.paused = true
    this.socket.pause()
    // nobody who is behind now pauses it again before having caught up
    this.timer = setTimeout(() => this.open(), this.budget)
  }

  private open(): void {
    if (!this.paused) return
    clearTimeout(this.timer)
    const now = this.now()
    this.budget -= now - this.since
    this.since = now
    this.paused = false
    this.socket?.resume()
  }
}
