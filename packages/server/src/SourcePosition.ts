/**
 * How far the source of one stream has come: in this process, on its channel, and where it outlives both.
 *
 * @since 0.1.0
 */
import type { JsonObject } from "@bufbuild/protobuf"
import type { Channel, JetStream } from "@kps/transport"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { randomUUID } from "node:crypto"
import { ascii, ChannelPosition, type Mark, type Owner, type Read } from "./ChannelPosition.ts"
import { cut, quote } from "./internal/text.ts"
import type { Positions } from "./Positions.ts"
import { isConflict, type StateError } from "./StateError.ts"

/**
 * The position of a source cannot be used, or was changed by somebody else. Wrapped, so that an author's own errors of
 * that kind stay the author's.
 *
 * @category errors
 * @since 0.1.0
 */
export class PositionFailed extends Data.TaggedError("PositionFailed")<{
  readonly code: "UNAVAILABLE" | "FAILED_PRECONDITION" | "RESOURCE_EXHAUSTED"
  readonly problem: string
}> {
  override get message(): string {
    return cut(this.problem, 500)
  }
}

/**
 * Where positions outlive the process, and who is told of them.
 *
 * @category models
 * @since 0.1.0
 */
export interface Place {
  readonly store: Positions["Service"]
  /** Told when it could not be saved, and when it could again: nothing. */
  readonly onSaved: (problem: StateError | undefined) => Effect.Effect<void>
}

/** How often a position that has moved on is saved. */
const saveEvery = "1 second"

const mend = "mend it with \"kps positions set\", or begin anew with \"kps positions reset\""

/**
 * A position, encoded as JSON. One owner at a time.
 *
 * **Details**
 *
 * It moves on in memory, and is saved once a second and at the end of a try: after a process was killed, what the last
 * second had published comes again. Every save expects the revision that was read or saved last. When another replica,
 * or `kps positions`, has changed it, the try fails and the next one begins there.
 *
 * Where the channel is in JetStream each message has the position behind it, and `resume` goes by the last one of the
 * channel; what is saved is for a channel that has none. What `kps positions` has set or reset since counts more.
 *
 * @category models
 * @since 0.1.0
 */
export class SourcePosition {
  private encoded: Option.Option<Schema.Json>
  /** So many payloads behind it are on the channel already. */
  private plus: number
  /** What it is, where this process has not made it. */
  private origin: string | undefined
  private readonly owner: Owner
  private readonly place: Place | undefined
  private readonly onChannel: ChannelPosition
  private readonly savedBy = randomUUID()
  private revision: number
  /** Of which place that is a revision; nothing: of none yet. */
  private created: string | undefined
  /** The last revision by which somebody else has said where to begin. */
  private wanted = 0
  private resetRevision = 0
  private unsaved = false
  private failing = false
  /** Whether something may have been saved of which there was no answer. */
  private unanswered = false

  /** Without a place it ends with the process. */
  constructor(owner: Owner, place: Place | undefined, before?: SourcePosition) {
    this.owner = owner
    this.place = place
    this.onChannel = new ChannelPosition(owner)
    this.encoded = before?.encoded ?? Option.none()
    this.plus = before?.plus ?? 0
    this.origin = before?.origin
    this.revision = before?.revision ?? 0
    this.created = before?.created
  }

  /** Where the source is to begin. */
  get start(): Mark {
    return { at: Option.getOrUndefined(Option.map(this.encoded, text)), plus: this.plus }
  }

  /** The broker has everything up to here. */
  moved(encoded: Schema.Json): void {
    this.encoded = Option.some(encoded)
    this.plus = 0
    this.origin = undefined
    this.unsaved = this.place !== undefined
  }

  /** What a message carries that is followed by this place. */
  stamp(mark: Mark): string {
    return this.onChannel.encode(mark, Math.max(0, this.revision, this.resetRevision))
  }

  /** Reads what was saved, unless this process has saved it itself and knows better. */
  readonly load: Effect.Effect<void, PositionFailed> = Effect.suspend(() => {
    const { owner: { instance, parameters, streamId }, place } = this
    if (place === undefined) return Effect.void
    return Effect.matchEffect(Effect.all([place.store.created, place.store.get(instance, streamId)]), {
      onFailure: (error) => Effect.fail(failed(error)),
      onSuccess: ([created, saved]) => {
        const isSame = created === this.created
        this.created = created
        this.onChannel.savedIn(created)
        const revision = Option.match(saved, { onNone: () => 0, onSome: (one) => one.revision })
        this.wanted = Option.isSome(saved) && saved.value.savedBy === undefined ? revision : 0
        if (isSame && revision === this.revision) return Effect.void
        this.revision = revision
        this.unsaved = false
        this.plus = 0
        if (Option.isNone(saved)) {
          this.encoded = Option.none()
          return Effect.void
        }
        if (agree(saved.value.parameters, parameters)) {
          this.encoded = Option.some(saved.value.position)
          this.origin = `saved position ${text(saved.value.position)}`
          return Effect.void
        }
        this.encoded = Option.none()
        return Effect.annotateLogs(Effect.logWarning("the saved position belongs to other parameters: begins anew"), {
          streamId
        })
      }
    })
  })

  /**
   * After `load`: goes on behind what the channel has, unless it has no position, or one of other parameters, or somebody
   * has said since where to begin. Fails when the channel's position is none, or another stream's.
   */
  readonly resume = Effect.fnUntraced({ self: this }, function*(
    this: SourcePosition,
    channel: Channel.ChannelName,
    point: JetStream.ResumePoint
  ): Effect.fn.Return<void, PositionFailed> {
    const { owner: { instance, streamId }, place } = this
    if (place !== undefined) {
      this.resetRevision = yield* Effect.mapError(place.store.resetRevision(instance, streamId), failed)
    }
    if (Option.isNone(point.message)) return
    const { position = "", sequence } = point.message.value
    const wanted = Math.max(this.wanted, this.resetRevision)
    const which = `position of message ${sequence} on ${quote(channel)}`
    const read = this.onChannel.decode(position)
    if (Option.isNone(read) || !read.value.isOwn) {
      // Which is newer cannot be told: what somebody wants, after having been told of it, counts.
      if (wanted > 0) return
      return yield* new PositionFailed({
        code: "FAILED_PRECONDITION",
        problem: Option.isNone(read)
          ? `${which} is damaged, or of a later version: got ${quote(position)}; ${mend}`
          : `${which} is of another stream than ${quote(streamId)} of ${quote(instance)}: ` +
            `one stream alone can resume on a channel; ${mend}`
      })
    }
    if (wanted > read.value.known || (wanted > 0 && (yield* this.isLater(read.value)))) {
      if (this.resetRevision > this.revision) {
        this.encoded = Option.none()
        this.plus = 0
      }
      return
    }
    if (!read.value.agrees) {
      return yield* Effect.annotateLogs(
        Effect.logWarning("the channel's last position belongs to other parameters: goes by what was saved"),
        { streamId, sequence }
      )
    }
    this.encoded = read.value.at
    this.plus = read.value.plus
    this.origin = `${which}, ${Option.match(this.encoded, { onNone: () => "the beginning", onSome: text })},`
    this.unsaved = place !== undefined
  })

  /**
   * Whether the place where positions are saved was made after this one was stored on the channel, so that revisions say
   * nothing. Fails when it was lost just now.
   */
  private readonly isLater = Effect.fnUntraced({ self: this }, function*(
    this: SourcePosition,
    { isElsewhere }: Read
  ): Effect.fn.Return<boolean, PositionFailed> {
    const { created, place } = this
    if (created === undefined || place === undefined || !isElsewhere(created)) return false
    if ((yield* Effect.mapError(place.store.created, failed)) === created) return true
    return yield* new PositionFailed({
      code: "UNAVAILABLE",
      problem: "the saved positions were lost and their bucket made anew meanwhile: they are read again"
    })
  })

  /** Decodes it with the source's codec. One that came from elsewhere may not fit. */
  decode<P, I>(codec: Schema.Codec<P, I>): Effect.Effect<Option.Option<P>, PositionFailed> {
    if (Option.isNone(this.encoded)) return Effect.succeedNone
    const decoded = Effect.asSome(Schema.decodeUnknownEffect(codec)(this.encoded.value))
    const { origin } = this
    // One that does not fit though this process made it is a defect of the source.
    if (origin === undefined) return Effect.orDie(decoded)
    return Effect.mapError(decoded, (error) =>
      new PositionFailed({
        code: "FAILED_PRECONDITION",
        problem: `${origin} does not fit the source: ${error.message.replaceAll(/\s*\n\s*/g, " ")}; ${mend}`
      }))
  }

  /** The source ended before it had given what the channel has of it. */
  tooShort(given: number): PositionFailed {
    return new PositionFailed({
      code: "FAILED_PRECONDITION",
      problem: `${this.origin ?? "the position"} is ahead of the source, which ended after ${given} of ` +
        `${this.plus} payloads behind it; ${mend}`
    })
  }

  /** Saves it now and then. Fails when somebody else has changed it. */
  readonly keep: Effect.Effect<never, PositionFailed> = Effect.suspend(() =>
    this.place === undefined
      ? Effect.never
      // Interrupted in the middle it would not know its revision, and the last save would not take.
      : Effect.forever(Effect.andThen(Effect.sleep(saveEvery), Effect.uninterruptible(this.save)))
  )

  /** Saves it if it has moved on. What cannot be saved for now is saved later. */
  readonly save: Effect.Effect<void, PositionFailed> = Effect.suspend(() =>
    Effect.gen({ self: this }, function*() {
      const { place } = this
      if (place === undefined || !this.unsaved || Option.isNone(this.encoded)) return
      this.unsaved = false
      const { value } = this.encoded
      const saved = yield* Effect.result(this.write(value, place))
      if (Result.isSuccess(saved)) {
        this.revision = saved.success
        this.unanswered = false
        if (!this.failing) return
        this.failing = false
        return yield* place.onSaved(undefined)
      }
      if (isConflict(saved.failure)) {
        // Not what this process knows: it is read again.
        this.revision = -1
        return yield* new PositionFailed({
          code: "UNAVAILABLE",
          problem: "the saved position was changed by somebody else: the source begins there"
        })
      }
      this.unanswered = true
      this.unsaved = true
      this.failing = true
      yield* place.onSaved(saved.failure)
    })
  )

  /** Of a write without an answer it is found out by the next one whether it has arrived. */
  private readonly write = Effect.fnUntraced({ self: this }, function*(
    this: SourcePosition,
    position: Schema.Json,
    { store }: Place
  ): Effect.fn.Return<number, StateError> {
    const { savedBy } = this
    const { instance, parameters, streamId } = this.owner
    const write = (expected: number) => store.set(instance, streamId, { position, parameters, savedBy }, expected)
    if (!this.unanswered) return yield* write(this.revision)
    return yield* Effect.catchIf(
      write(this.revision),
      isConflict,
      (conflict) =>
        Effect.flatMap(store.get(instance, streamId), (found) =>
          Option.isSome(found) && found.value.savedBy === savedBy
            ? write(found.value.revision)
            : Effect.fail(conflict))
    )
  })
}

const text = (position: Schema.Json): string => ascii(JSON.stringify(position))

const codes = {
  Unavailable: "UNAVAILABLE",
  Conflict: "UNAVAILABLE",
  Unreadable: "FAILED_PRECONDITION",
  ValueTooLarge: "RESOURCE_EXHAUSTED"
} as const

const failed = (error: StateError): PositionFailed =>
  new PositionFailed({
    code: codes[error.reason._tag],
    problem: error.reason._tag === "Unreadable" ? `${error.message}; ${mend}` : error.message
  })

/** Whether no parameter that both know differs: one that a later version of the connector brought is no change. */
const agree = (self: JsonObject, that: JsonObject): boolean =>
  Object.entries(self).every(([key, value]) => !Object.hasOwn(that, key) || Equal.equals(that[key], value))
