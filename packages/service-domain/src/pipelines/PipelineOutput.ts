/**
 * The output channels of a pipeline.
 *
 * @since 0.1.0
 */
import { type Channel, type JetStream, Packing, type Transport, type TransportError } from "@kps/transport"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { Monitor } from "./Monitor.ts"

/** The waits before a channel is tried again. */
const firstMillis = 250
const mostMillis = 5_000

/** What an output is made with. */
export interface OutputOptions {
  readonly channels: ReadonlyArray<Channel.ChannelName>
  readonly transport: Transport.Transport["Service"]
  /** Whether the transport stores what it takes. */
  readonly isStored: boolean
  readonly monitor: Monitor
}

export class PipelineOutput {
  private readonly options: OutputOptions

  constructor(options: OutputOptions) {
    this.options = options
  }

  /**
   * Succeeds when every channel has taken the messages: stored them, or with core NATS, handed them to the broker's
   * connection. Tries for ever; a message that is too large is dropped, and told.
   */
  publish(messages: ReadonlyArray<JetStream.PublishedMessage>): Effect.Effect<void> {
    const { channels, monitor } = this.options
    const [only, ...others] = channels
    if (messages.length === 0 || only === undefined) return Effect.void
    const count = Packing.payloadCount(messages)
    const taken = others.length === 0
      ? this.put(only, messages)
      : Effect.forEach(channels, (channel) => this.put(channel, messages), { discard: true })
    return Effect.map(taken, () => {
      monitor.counters.published += count
    })
  }

  private put(
    channel: Channel.ChannelName,
    messages: ReadonlyArray<JetStream.PublishedMessage>
  ): Effect.Effect<void> {
    return this.hand(channel, messages).pipe(Effect.catch((error) => this.recover(channel, messages, error)))
  }

  private hand(
    channel: Channel.ChannelName,
    messages: ReadonlyArray<JetStream.PublishedMessage>
  ): Effect.Effect<void, TransportError.TransportError> {
    const { isStored, transport } = this.options
    return isStored ? transport.publishConfirmed(channel, messages) : transport.publishAll(channel, messages)
  }

  private readonly recover = Effect.fnUntraced({ self: this }, function*(
    this: PipelineOutput,
    channel: Channel.ChannelName,
    messages: ReadonlyArray<JetStream.PublishedMessage>,
    first: TransportError.TransportError
  ): Effect.fn.Return<void> {
    const { isStored, monitor } = this.options
    const part = `output ${JSON.stringify(channel)}`
    let rest = messages
    let error = first
    for (let tries = 0;; tries++) {
      const { reason } = error
      if (reason._tag === "MessageTooLarge") {
        const [one] = rest
        if (one === undefined) return
        if (rest.length > 1) {
          // none was sent: those that fit are found by halves
          const half = rest.length >>> 1
          yield* this.put(channel, rest.slice(0, half))
          return yield* this.put(channel, rest.slice(half))
        }
        const { length } = one.payloads
        monitor.counters.dropped += length
        return monitor.alerts.raise(
          "messagesDropped",
          channel,
          `${part} dropped a message: ${error.message}`,
          "",
          length
        )
      }
      // with core NATS those that were handed over are not sent again
      if (reason._tag === "NotConnected" && !isStored) rest = rest.slice(reason.handedOver)
      if (rest.length === 0) break
      monitor.alerts.raise("outputFailed", channel, `${part} does not take messages: ${error.message}`)
      monitor.failing(part, `${part} does not take messages: ${error.message}`)
      yield* Effect.sleep(Duration.millis(Math.min(mostMillis, firstMillis * 2 ** Math.min(tries, 16))))
      const result = yield* Effect.result(this.hand(channel, rest))
      if (result._tag === "Success") break
      error = result.failure
    }
    monitor.alerts.clear("outputFailed", channel)
    monitor.ready(part)
  })
}
