/**
 * How far the source of one stream has come: in this process, and where it outlives it.
 *
 * @since 0.1.0
 */
import type { JsonObject } from "@bufbuild/protobuf"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { cut } from "./internal/text.ts"
import type { Positions } from "./Positions.ts"
import { isConflict, type StateError } from "./StateError.ts"

/**
 * The stored position of a source cannot be used, or was changed by somebody else. Wrapped, so that an author's own
 * errors of that kind stay the author's.
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
 * Where positions outlive the process, and whose this one is.
 *
 * @category models
 * @since 0.1.0
 */
export interface Place {
  readonly store: Positions["Service"]
  readonly instance: string
  readonly streamId: string
  /** A position belongs to the parameters that it was saved with: as an answer shows them. */
  readonly parameters: JsonObject
  /** Told when it could not be saved, and when it could again: nothing. */
  readonly onSaved: (problem: StateError | undefined) => Effect.Effect<void>
}

/** How often a position that has moved on is saved. */
const saveEvery = "1 second"

/**
 * A position, encoded as JSON. One owner at a time.
 *
 * **Details**
 *
 * It moves on in memory, and is saved once a second and at the end of a try: after a process was killed, what the last
 * second had published comes again. Every save expects the revision that was read or saved last. When another replica,
 * or `kps positions`, has changed it, the try fails and the next one begins there.
 *
 * @category models
 * @since 0.1.0
 */
export class SourcePosition {
  private encoded: Option.Option<Schema.Json>
  private readonly place: Place | undefined
  private revision: number
  private unsaved = false
  private failing = false

  /** Without a place it ends with the process. */
  constructor(place: Place | undefined, before?: SourcePosition) {
    this.place = place
    this.encoded = before?.encoded ?? Option.none()
    this.revision = before?.revision ?? 0
  }

  /** For who makes this process forget it, such as for other parameters. */
  get current(): Option.Option<Schema.Json> {
    return this.encoded
  }

  /** The broker has everything up to here. */
  moved(encoded: Schema.Json): void {
    this.encoded = Option.some(encoded)
    this.unsaved = this.place !== undefined
  }

  /** Reads what was saved, unless this process has saved it itself and knows better. */
  readonly load: Effect.Effect<void, PositionFailed> = Effect.suspend(() => {
    const { place } = this
    if (place === undefined) return Effect.void
    return Effect.matchEffect(place.store.get(place.instance, place.streamId), {
      onFailure: (error) => Effect.fail(failed(error)),
      onSuccess: (saved) => {
        const revision = Option.match(saved, { onNone: () => 0, onSome: (one) => one.revision })
        if (revision === this.revision) return Effect.void
        this.revision = revision
        this.unsaved = false
        if (Option.isNone(saved)) {
          this.encoded = Option.none()
          return Effect.void
        }
        if (agree(saved.value.parameters, place.parameters)) {
          this.encoded = Option.some(saved.value.position)
          return Effect.void
        }
        this.encoded = Option.none()
        return Effect.annotateLogs(Effect.logWarning("the saved position belongs to other parameters: begins anew"), {
          streamId: place.streamId
        })
      }
    })
  })

  /** Decodes it with the source's codec. One that came from elsewhere may not fit. */
  decode<P, I>(codec: Schema.Codec<P, I>): Effect.Effect<Option.Option<P>, PositionFailed> {
    if (Option.isNone(this.encoded)) return Effect.succeedNone
    const decoded = Effect.asSome(Schema.decodeUnknownEffect(codec)(this.encoded.value))
    // One that does not fit though this process made it is a defect of the source.
    if (this.revision === 0 || this.unsaved) return Effect.orDie(decoded)
    return Effect.mapError(decoded, (error) =>
      new PositionFailed({
        code: "FAILED_PRECONDITION",
        problem: `saved position ${JSON.stringify(Option.getOrNull(this.encoded))} does not fit the source: ${
          error.message.replaceAll(/\s*\n\s*/g, " ")
        }`
      }))
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
      const { encoded, place } = this
      if (place === undefined || !this.unsaved || Option.isNone(encoded)) return
      this.unsaved = false
      const { instance, parameters, store, streamId } = place
      const saved = yield* Effect.result(
        store.set(instance, streamId, { position: encoded.value, parameters }, this.revision)
      )
      if (Result.isSuccess(saved)) {
        this.revision = saved.success
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
      this.unsaved = true
      this.failing = true
      yield* place.onSaved(saved.failure)
    })
  )
}

const codes = {
  Unavailable: "UNAVAILABLE",
  Conflict: "UNAVAILABLE",
  Unreadable: "FAILED_PRECONDITION",
  ValueTooLarge: "RESOURCE_EXHAUSTED"
} as const

const failed = (error: StateError): PositionFailed =>
  new PositionFailed({
    code: codes[error.reason._tag],
    problem: error.reason._tag === "Unreadable"
      ? `${error.message}; mend it with "kps positions set", or begin anew with "kps positions reset"`
      : error.message
  })

/** Whether no parameter that both know differs: one that a later version of the connector brought is no change. */
const agree = (self: JsonObject, that: JsonObject): boolean =>
  Object.entries(self).every(([key, value]) => !Object.hasOwn(that, key) || Equal.equals(that[key], value))
