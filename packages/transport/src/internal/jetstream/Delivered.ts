/** A message that was delivered: decoded once, its headers when they are asked for. */
import type { TransportCodec } from "@kps/idl"
import type { Delivery } from "../../JetStream.ts"
import type { Meta } from "./delivery.ts"
import * as headers from "./headers.ts"
import type { Headers } from "./Incoming.ts"
import type { Pin } from "./Pins.ts"

export class Delivered implements Delivery {
  readonly payloads: ReadonlyArray<Uint8Array>
  readonly sequence: number
  readonly storedMillis: number
  readonly frame: Uint8Array
  deliveryCount: number
  /** Where it is acknowledged; another one when it was delivered again. */
  subject: string
  private readonly view: TransportCodec.View
  /** What it is held by. */
  readonly pin: Pin

  constructor(pin: Pin, view: TransportCodec.View, meta: Meta) {
    this.pin = pin
    this.frame = pin.message.data
    this.view = view
    this.payloads = view.payloads
    this.sequence = meta.sequence
    this.storedMillis = meta.storedMillis
    this.deliveryCount = meta.count
    this.subject = pin.message.reply
  }

  get timestampNanos(): bigint {
    return this.view.timestampNanos
  }

  get id(): string | undefined {
    return headers.valueOf(this.headers, headers.messageId)
  }

  get position(): string | undefined {
    return headers.valueOf(this.headers, headers.position)
  }

  get epoch(): number | undefined {
    return headers.epochOf(this.headers)
  }

  get headers(): Headers {
    return this.pin.message.headers
  }
}
