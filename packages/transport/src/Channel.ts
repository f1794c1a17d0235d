/**
 * Names and messages that cross the data-pipeline transport.
 *
 * A `ChannelName` is the address the platform hands a connector for one stream; a `Message` is one batch of opaque
 * payloads with the instant the connector produced it.
 *
 * @since 0.1.0
 */
import type * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"

/**
 * Schema for the address of one data-pipeline stream on the transport.
 *
 * **Details**
 *
 * Dot-separated tokens without white space, control characters or wildcards, at most 255 characters; a first token
 * that begins with `$` is reserved for the broker.
 *
 * @category schemas
 * @since 0.1.0
 */
export const ChannelName = Schema.String.check(
  Schema.isPattern(/^(?!\$)[^\s\p{Cc}.*>]+(\.[^\s\p{Cc}.*>]+)*$/u, {
    expected: "a channel name such as \"plant.line-1\": tokens between dots, no white space, no wildcards, no leading $"
  }),
  Schema.isMaxLength(255)
).pipe(Schema.brand("ChannelName"))

/**
 * @category models
 * @since 0.1.0
 */
export type ChannelName = typeof ChannelName.Type

/**
 * Says in words why a name is no channel name; `undefined` when it is one.
 *
 * **Details**
 *
 * Refuses exactly what the schema refuses. For errors that have to name the problem.
 *
 * @category validation
 * @since 0.1.0
 */
export const problemOf = (name: string): string | undefined => {
  if (name === "") return "it is empty"
  if (name.length > 255) return `it has ${name.length} characters, the limit is 255`
  if (name.startsWith("$")) return "names that begin with \"$\" are reserved for the broker"
  if (/[\s\p{Cc}]/u.test(name)) return "it contains white space or a control character"
  if (/[*>]/.test(name)) return "it contains a wildcard"
  if (name.split(".").includes("")) return "it has an empty token"
  return undefined
}

/**
 * What one publish puts on a channel, or one frame brought.
 *
 * **Details**
 *
 * A plain value, not a `Schema.Class`: this is the data path, where nothing is built per message that is not asked
 * for.
 *
 * @category models
 * @since 0.1.0
 */
export interface Message {
  /** Opaque payloads, in order; empty payloads are allowed. Views of what was read: copy what is kept. */
  readonly payloads: ReadonlyArray<Uint8Array>
  /** When the producer stamped it: nanoseconds since the Unix epoch. */
  readonly timestampNanos: bigint
}

/**
 * Size of all payloads together, in bytes.
 *
 * @category getters
 * @since 0.1.0
 */
export const byteLength = (message: Message): number => {
  let total = 0
  for (const payload of message.payloads) total += payload.byteLength
  return total
}

/**
 * Decodes an untrusted channel name, such as one read from configuration.
 *
 * @category decoding
 * @since 0.1.0
 */
export const decodeChannelName: (
  input: unknown
) => Effect.Effect<ChannelName, Schema.SchemaError> = Schema.decodeUnknownEffect(ChannelName)
