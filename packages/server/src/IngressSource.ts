/**
 * The outside end of an ingress stream: opened where it goes on, and pumped into the channel.
 *
 * @since 0.1.0
 */
import type { Connector, Delivery } from "@kps/connector"
import type { TransportError } from "@kps/transport"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as ConfirmedPump from "./ConfirmedPump.ts"
import { IngressWriter, type Leased } from "./IngressWriter.ts"
import * as LossyPump from "./LossyPump.ts"
import type { SourcePosition } from "./SourcePosition.ts"
import type { Fault } from "./StreamFault.ts"
import type { Supervision } from "./Supervision.ts"

type Source = Delivery.Source<Connector.Tagged, Scope.Scope>

/**
 * What one stream opens its source with, try after try.
 *
 * @category models
 * @since 0.1.0
 */
export class IngressSource {
  private readonly stream: Supervision
  private readonly position: SourcePosition
  private readonly leased: Leased | undefined
  /** Of a stream that is to be the only one that writes to its channel: since its source was opened. */
  private writer: IngressWriter | undefined

  constructor(stream: Supervision, position: SourcePosition, leased: Leased | undefined) {
    this.stream = stream
    this.position = position
    this.leased = leased
  }

  /** A source whose position cannot be used is not open, nor is one that may not write to its channel. */
  open<E extends Connector.Tagged>(
    source: Effect.Effect<Source, E, Scope.Scope>
  ): Effect.Effect<Source, E | Connector.Tagged, Scope.Scope> {
    return Effect.tap(source, this.located)
  }

  /** Until the source ends, or something fails. */
  pump(source: Source) {
    switch (source._tag) {
      case "Lossy":
        return LossyPump.run(source, this.stream)
      case "Acknowledged":
        return ConfirmedPump.acknowledged(source.taken, this.stream)
      case "Resumable":
        return source.run((codec, from) => ConfirmedPump.resumable(codec, from, this.position, this.stream))
    }
  }

  /** What a try means that another writer has fenced off. */
  afterFence(fault: Fault, reason: TransportError.WriterFenced): Fault {
    return this.writer?.afterFence(fault, reason) ?? fault
  }

  private readonly located = Effect.fnUntraced({ self: this }, function*(
    this: IngressSource,
    source: Source
  ): Effect.fn.Return<void, Connector.Tagged, Scope.Scope> {
    const { position, stream: { transport } } = this
    const isResumable = source._tag === "Resumable"
    const writer = this.writerOf(isResumable)
    if (isResumable) yield* position.load
    const point = isResumable && writer !== undefined ? yield* writer.resumePoint : undefined
    if (point !== undefined) yield* position.resume(transport.channel, point)
    if (isResumable) yield* source.run((codec) => position.decode(Schema.toCodecJson(codec)))
    const opened = writer === undefined ? undefined : yield* writer.open(point)
    if (opened !== undefined) yield* transport.publishBy(opened)
  })

  private writerOf(isResumable: boolean): IngressWriter | undefined {
    const { leased, stream: { jetStream, streamId, transport: { channel } } } = this
    if (jetStream === undefined || (leased === undefined && !isResumable)) return undefined
    this.writer ??= new IngressWriter({ streamId, channel, jetStream, leased, isResumable })
    return this.writer
  }
}
