/**
 * Messages that could not be delivered, kept with their bytes and with what is known of why.
 *
 * @since 0.1.0
 */
import type { Channel } from "@kps/transport"
import { Transport } from "@kps/transport"
import type * as Array from "effect/Array"
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Option from "effect/Option"
import type { DeadLetterError } from "./DeadLetterError.ts"
import * as memory from "./internal/memoryLetters.ts"

/**
 * What could not be delivered. Instants are milliseconds since the Unix epoch.
 *
 * @category models
 * @since 0.1.0
 */
export interface Letter {
  /** The connector instance. */
  readonly instance: string
  readonly stream: string
  readonly channel: Channel.ChannelName
  /** `payload`: one payload of a message, as a sink was given it. `frame`: what came and is no `TransportMessage`. */
  readonly kind: "payload" | "frame"
  /** As they came. */
  readonly bytes: Uint8Array
  /** When the producer stamped the message: nanoseconds since the Unix epoch; 0 of a frame. */
  readonly timestampNanos: bigint
  /** Of the message, where the transport has any: over core NATS there are none. */
  readonly headers: ReadonlyArray<readonly [name: string, value: string]>
  /** Of this one delivery alone: a letter that is added twice with it is kept once. */
  readonly key: string
  /** The tag of the error. */
  readonly tag: string
  /** The error of the last try, in a line. */
  readonly cause: string
  /** How often it was tried; 0 of a frame. */
  readonly attempts: number
  readonly firstTriedMillis: number
  readonly lastTriedMillis: number
}

/**
 * A letter without its bytes.
 *
 * @category models
 * @since 0.1.0
 */
export interface Summary extends Omit<Letter, "bytes"> {
  /** By which the instance's store knows it: digits; a later letter has a higher number. */
  readonly id: string
  readonly byteLength: number
  /** How often it was published again. */
  readonly replays: number
}

/**
 * A letter that is kept.
 *
 * @category models
 * @since 0.1.0
 */
export interface DeadLetter extends Summary {
  readonly bytes: Uint8Array
}

/**
 * Some of the letters of an instance, oldest first.
 *
 * @category models
 * @since 0.1.0
 */
export interface Page {
  readonly letters: ReadonlyArray<Summary>
  /** What is there and cannot be read: damaged, or of a later version. */
  readonly unreadable: ReadonlyArray<DeadLetterError>
  /** The last letter that was looked at, when there are more behind it. */
  readonly next?: string
}

/**
 * How far a replay came.
 *
 * @category models
 * @since 0.1.0
 */
export interface Replayed {
  /**
   * `stored`: JetStream stores the channel, and has it. `repeated`: JetStream had it already, and stored nothing.
   * `sent`: handed over to the broker, and somebody subscribes to the channel. `before`: it was replayed before, and
   * nothing was published.
   */
  readonly outcome: "stored" | "repeated" | "sent" | "before"
  /** How often it was published again, this time included. */
  readonly replays: number
}

/**
 * Which letters to purge; of those that are given, all must hold. At least one.
 *
 * @category models
 * @since 0.1.0
 */
export interface Which {
  readonly ids?: ReadonlyArray<string>
  readonly stream?: string
  /** Those that were replayed. */
  readonly replayed?: true
  readonly all?: true
}

/**
 * Service that keeps dead letters, for each connector instance apart.
 *
 * **Details**
 *
 * The store of an instance is bounded by age and size: the oldest letters go first, and are counted.
 *
 * @category services
 * @since 0.1.0
 */
export class DeadLetters extends Context.Service<DeadLetters, {
  /** Where letters are: `memory` ends with the process. */
  readonly place: "memory" | "jetstream"
  /**
   * Succeeds when all letters, of one instance, are kept; says how many older ones had to make room. May be tried again
   * with the same letters: each is kept once, in JetStream as long as it knows their keys, for two minutes.
   */
  readonly add: (letters: Array.NonEmptyReadonlyArray<Letter>) => Effect.Effect<number, DeadLetterError>
  /** Oldest first, at most `limit` (default 100, at most 1,000) after the letter `after` (default: from the first). */
  readonly list: (instance: string, options?: {
    readonly stream?: string | undefined
    readonly after?: string | undefined
    readonly limit?: number | undefined
  }) => Effect.Effect<
    Page,
    DeadLetterError
  >
  readonly get: (instance: string, id: string) => Effect.Effect<Option.Option<DeadLetter>, DeadLetterError>
  /**
   * Publishes the bytes to their channel once more: a payload as a message of its own with the producer's timestamp, a
   * frame as it is. The letter stays, marked as replayed.
   *
   * **Details**
   *
   * Where JetStream stores the channel it is published with an id: a replay that is tried twice is stored once. Over
   * core NATS a replay that fails in the middle may have arrived. A letter that was replayed before is left alone,
   * unless `again` says otherwise.
   */
  readonly replay: (
    instance: string,
    id: string,
    options?: { readonly again?: boolean | undefined }
  ) => Effect.Effect<Replayed, DeadLetterError>
  /** Takes letters away for good; says how many. */
  readonly purge: (instance: string, which: Which) => Effect.Effect<number, DeadLetterError>
  /** Takes those away that are too old; says how many. */
  readonly sweep: (instance: string) => Effect.Effect<number, DeadLetterError>
}>()("@kps/server/DeadLetters") {}

/**
 * How much is kept of each instance.
 *
 * @category models
 * @since 0.1.0
 */
export interface Bounds {
  /** Default: 7 days. */
  readonly maxAge?: Duration.Input | undefined
  /** All letters together; the newest one is kept in any case. Default: 256 MiB in JetStream, 16 MiB in memory. */
  readonly maxBytes?: number | undefined
}

/**
 * Keeps letters in this process.
 *
 * **Details**
 *
 * They end with it. A replay goes through the transport; a frame that is no `TransportMessage` cannot be replayed.
 *
 * @category constructors
 * @since 0.1.0
 */
export const makeMemory = (transport: Transport.Transport["Service"], bounds: Bounds = {}): DeadLetters["Service"] =>
  memory.make(transport, bounds)

/**
 * Layer that keeps letters in this process: see `makeMemory`.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerMemory = (bounds: Bounds = {}): Layer.Layer<DeadLetters, never, Transport.Transport> =>
  Layer.effect(DeadLetters, Effect.map(Transport.Transport, (transport) => makeMemory(transport, bounds)))
