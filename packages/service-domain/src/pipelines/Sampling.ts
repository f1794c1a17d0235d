/**
 * Lets in at most one message of an input in an interval.
 *
 * @since 0.1.0
 */
import type { Channel } from "@kps/transport"

export class Sampling {
  private readonly intervalMillis: number
  private nextMillis = -Infinity

  constructor(intervalMillis: number) {
    this.intervalMillis = intervalMillis
  }

  /** What is let in of messages that came now: the first payload of them, or nothing. */
  of<M extends Channel.Message>(
    messages: ReadonlyArray<M>,
    nowMillis: number
  ): readonly [message: M, payload: Uint8Array] | undefined {
    if (nowMillis < this.nextMillis) return undefined
    for (const message of messages) {
      const [payload] = message.payloads
      if (payload === undefined) continue
      this.nextMillis = nowMillis + this.intervalMillis
      return [message, payload]
    }
    return undefined
  }
}
