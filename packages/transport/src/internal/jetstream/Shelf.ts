/** What has come and was not read: taken as a whole, by one reader, woken once per turn. */
import type * as Array from "effect/Array"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type * as Pull from "effect/Pull"
import * as Stream from "effect/Stream"
import type { ChannelName } from "../../Channel.ts"
import { AlreadyRun, TransportError } from "../../TransportError.ts"

type Take<A> = Pull.Pull<Array.NonEmptyReadonlyArray<A>, TransportError>

export interface Options<A> {
  readonly channel: ChannelName
  readonly byteLength: (item: A) => number
  /** Called when the reader comes for more: it is done with what it had. */
  readonly onAsked: () => void
  /** Called when the reader is given these. */
  readonly onTaken: (items: ReadonlyArray<A>) => void
}

export class Shelf<A> {
  private readonly options: Options<A>
  private items: Array<A> = []
  private bytes = 0
  private waking = false
  private wasRun = false
  private waiter: ((take: Take<A>) => void) | undefined
  private ended: Take<A> | undefined

  constructor(options: Options<A>) {
    this.options = options
  }

  get length(): number {
    return this.items.length
  }

  get byteLength(): number {
    return this.bytes
  }

  /** What nobody has read. */
  get waiting(): ReadonlyArray<A> {
    return this.items
  }

  push(item: A): void {
    this.items.push(item)
    this.bytes += this.options.byteLength(item)
    this.wake()
  }

  /** Nothing more comes: the stream ends, or fails, after what is here. The first call counts. */
  end(error?: TransportError): void {
    this.ended ??= error === undefined ? Cause.done() : Effect.fail(error)
    this.wake()
  }

  /** Takes back what nobody has read. */
  clear(): ReadonlyArray<A> {
    const { items } = this
    this.items = []
    this.bytes = 0
    return items
  }

  readonly stream: Stream.Stream<A, TransportError> = Stream.fromPull(Effect.suspend(() => {
    if (this.wasRun) {
      return Effect.fail(new TransportError({ reason: new AlreadyRun({ channel: this.options.channel }) }))
    }
    this.wasRun = true
    return Effect.succeed(this.take)
  }))

  private readonly take: Take<A> = Effect.suspend(() => {
    this.options.onAsked()
    return this.given
  })

  private readonly given: Take<A> = Effect.suspend(() => this.items.length > 0 ? this.swap() : this.ended ?? this.wait)

  private readonly wait: Take<A> = Effect.callback((resume) => {
    this.waiter = resume
    return Effect.sync(() => {
      this.waiter = undefined
    })
  })

  private swap(): Take<A> {
    // not empty: whoever calls looked
    const taken = this.clear() as Array.NonEmptyReadonlyArray<A>
    this.options.onTaken(taken)
    return Effect.succeed(taken)
  }

  private wake(): void {
    if (this.waiter === undefined || this.waking) return
    this.waking = true
    queueMicrotask(() => {
      this.waking = false
      const { waiter } = this
      this.waiter = undefined
      waiter?.(this.given)
    })
  }
}
