/**
 * The position of a resumable source as it travels with each of its messages: the value of header `Kps-Position`.
 *
 * @since 0.1.0
 */
import type { JsonObject } from "@bufbuild/protobuf"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { createHash } from "node:crypto"
import { sorted } from "./internal/sorted.ts"

/**
 * A place in a source: so many payloads behind a position that the source itself gave, or behind its beginning.
 *
 * @category models
 * @since 0.1.0
 */
export interface Mark {
  /** As the source's codec encoded it, as JSON text. Absent: the beginning. */
  readonly at: string | undefined
  readonly plus: number
}

/**
 * Whose positions they are.
 *
 * @category models
 * @since 0.1.0
 */
export interface Owner {
  readonly instance: string
  readonly streamId: string
  /** As an answer shows them: a position belongs to these. */
  readonly parameters: JsonObject
}

/**
 * What is read back.
 *
 * @category models
 * @since 0.1.0
 */
export interface Read {
  /** Whether this stream has written it, whatever its parameters were. */
  readonly isOwn: boolean
  /** Whether no parameter that both know differs: one that a later version of the connector brought is no change. */
  readonly agrees: boolean
  /** The revision of the saved position that the writer knew of; 0: of none. */
  readonly known: number
  /** Whether that is a revision of another place than the one that is asked for: it says nothing of what is there now. */
  readonly isElsewhere: (place: string) => boolean
  readonly at: Option.Option<Schema.Json>
  readonly plus: number
}

/**
 * Both ways for the positions of one stream.
 *
 * **Details**
 *
 * The value is JSON in ASCII: `{"v":1,"of":…,"with":{…},"in":…,"known":…,"at":…,"plus":…}`. `of` is a digest of instance
 * and stream, `with` has one of each parameter, so that no value of a parameter is stored with the messages, `in` is one
 * of the place that `known` is a revision of. Without `at` it is the beginning, without `plus` no payload more.
 *
 * @category models
 * @since 0.1.0
 */
export class ChannelPosition {
  private readonly of: string
  private readonly parameters: Readonly<Record<string, string>>
  private fixed = ""
  private head = ""
  private headKnown = -1

  constructor({ instance, parameters, streamId }: Owner) {
    this.of = digest([instance, streamId], 16)
    this.parameters = Object.fromEntries(
      Object.entries(parameters).map(([key, value]) => [key, digest(value, 6)])
    )
    this.savedIn(undefined)
  }

  /** Where the positions are saved that the writer knows of; nothing: nowhere. */
  savedIn(place: string | undefined): void {
    const where = place === undefined ? "" : `,"in":"${placeDigest(place)}"`
    this.fixed = `{"v":1,"of":"${this.of}","with":${ascii(JSON.stringify(this.parameters))}${where},"known":`
    this.headKnown = -1
  }

  /** The value for a mark, by a writer that knows of a revision. */
  encode({ at, plus }: Mark, known: number): string {
    if (known !== this.headKnown) {
      this.head = this.fixed + known
      this.headKnown = known
    }
    return `${this.head}${at === undefined ? "" : `,"at":${at}`}${plus === 0 ? "" : `,"plus":${plus}`}}`
  }

  /** Reads a value back; nothing when it is none of this software's. */
  decode(value: string): Option.Option<Read> {
    return Option.map(decode(value), ({ at, in: place, known, of, plus = 0, with: parameters }) => ({
      isOwn: of === this.of,
      agrees: Object.entries(parameters).every(([key, one]) =>
        !Object.hasOwn(this.parameters, key) || this.parameters[key] === one
      ),
      known,
      // a writer of an earlier version does not say
      isElsewhere: (now) => place !== undefined && place !== placeDigest(now),
      at: Option.fromUndefinedOr(at),
      plus
    }))
  }
}

const Count = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }))

const decode = Schema.decodeUnknownOption(Schema.fromJsonString(Schema.Struct({
  v: Schema.Literal(1),
  of: Schema.String,
  with: Schema.Record(Schema.String, Schema.String),
  in: Schema.optionalKey(Schema.String),
  known: Count,
  at: Schema.optionalKey(Schema.Json),
  plus: Schema.optionalKey(Count)
})))

/**
 * JSON text as a header can hold it: in ASCII.
 *
 * @category constructors
 * @since 0.1.0
 */
export const ascii = (json: string): string =>
  json.replaceAll(/[^ -~]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`)

const placeDigest = (place: string): string => digest(place, 8)

const digest = (value: unknown, length: number): string =>
  createHash("sha256").update(JSON.stringify(sorted(value))).digest("base64url").slice(0, length)
