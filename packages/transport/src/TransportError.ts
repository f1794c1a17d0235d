/**
 * Failures of a transport, each one wrapped in a single `TransportError`.
 *
 * Fields that carry refused input are plain strings and numbers: what was refused must fit in them. Servers are given
 * without user info, so no text of an error shows a password.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"

/** Cut, so that refused input of any size fits a log line or a reply. */
const quoted = (value: string): string => `"${value.length > 200 ? `${value.slice(0, 200)}…` : value}"`

const because = (cause: unknown): string => {
  const text = cause instanceof Error ? cause.message : ""
  return text === "" ? "" : `: ${text.length > 200 ? `${text.slice(0, 200)}…` : text}`
}

/**
 * The broker could not be reached, or the connection to it broke.
 *
 * @category errors
 * @since 0.1.0
 */
export class ConnectionFailed extends Schema.TaggedError<ConnectionFailed>(
  "@kps/transport/TransportError/ConnectionFailed"
)("ConnectionFailed", {
  servers: Schema.Array(Schema.String),
  cause: Schema.Defect()
}) {
  override get message(): string {
    return `cannot connect to ${this.servers.join(", ")}${because(this.cause)}`
  }
  get isRetryable(): boolean {
    return true
  }
}

/**
 * The broker was reached and refused the credentials. Retryable, since the connection goes on trying: credentials may be
 * granted on the broker's side.
 *
 * @category errors
 * @since 0.1.0
 */
export class AuthorizationFailed extends Schema.TaggedError<AuthorizationFailed>(
  "@kps/transport/TransportError/AuthorizationFailed"
)("AuthorizationFailed", {
  servers: Schema.Array(Schema.String),
  /** Who was refused, where that was said by name. */
  user: Schema.optionalKey(Schema.String),
  cause: Schema.Defect()
}) {
  override get message(): string {
    const who = this.user === undefined ? "" : ` for user ${quoted(this.user)}`
    return `credentials refused by ${this.servers.join(", ")}${who}${because(this.cause)}`
  }
  get isRetryable(): boolean {
    return true
  }
}

/**
 * A file with credentials, or with what TLS needs, cannot be read or does not hold what it must. Retryable, since the
 * connection goes on trying, and reads it with each try.
 *
 * @category errors
 * @since 0.1.0
 */
export class CredentialsUnreadable extends Schema.TaggedError<CredentialsUnreadable>(
  "@kps/transport/TransportError/CredentialsUnreadable"
)("CredentialsUnreadable", {
  option: Schema.String,
  /** None where the option was given as it is. */
  file: Schema.UndefinedOr(Schema.String),
  /** Never a part of what the file holds. */
  problem: Schema.String
}) {
  override get message(): string {
    return `cannot use ${quoted(this.option)}${
      this.file === undefined ? "" : ` of ${quoted(this.file)}`
    }: ${this.problem}`
  }
  get isRetryable(): boolean {
    return true
  }
}

/**
 * The broker is away now, or went away in the middle of the operation.
 *
 * **Details**
 *
 * `handedOver` counts the messages of this one call that had been handed to the connection before: none of them is
 * confirmed, any of them may have arrived. The rest was not sent and is not kept.
 *
 * @category errors
 * @since 0.1.0
 */
export class NotConnected extends Schema.TaggedError<NotConnected>(
  "@kps/transport/TransportError/NotConnected"
)("NotConnected", {
  servers: Schema.Array(Schema.String),
  handedOver: Schema.Finite,
  cause: Schema.Defect()
}) {
  override get message(): string {
    const some = this.handedOver > 0 ? ` after ${this.handedOver} messages were handed over` : ""
    return `not connected to ${this.servers.join(", ")}${some}${because(this.cause)}`
  }
  get isRetryable(): boolean {
    return true
  }
}

/**
 * A server address that cannot be right.
 *
 * @category errors
 * @since 0.1.0
 */
export class InvalidServer extends Schema.TaggedError<InvalidServer>(
  "@kps/transport/TransportError/InvalidServer"
)("InvalidServer", {
  server: Schema.String,
  problem: Schema.String
}) {
  override get message(): string {
    return `invalid server ${quoted(this.server)}: ${this.problem}`
  }
  get isRetryable(): boolean {
    return false
  }
}

/**
 * An option that no connection can be made with, or two that contradict each other.
 *
 * @category errors
 * @since 0.1.0
 */
export class InvalidOption extends Schema.TaggedError<InvalidOption>(
  "@kps/transport/TransportError/InvalidOption"
)("InvalidOption", {
  option: Schema.String,
  problem: Schema.String
}) {
  override get message(): string {
    return `invalid option ${quoted(this.option)}: ${this.problem}`
  }
  get isRetryable(): boolean {
    return false
  }
}

/**
 * A channel name that no broker would take, or that is reserved.
 *
 * @category errors
 * @since 0.1.0
 */
export class InvalidChannel extends Schema.TaggedError<InvalidChannel>(
  "@kps/transport/TransportError/InvalidChannel"
)("InvalidChannel", {
  channel: Schema.String,
  problem: Schema.String
}) {
  override get message(): string {
    return `invalid channel ${quoted(this.channel)}: ${this.problem}`
  }
  get isRetryable(): boolean {
    return false
  }
}

/**
 * The broker does not let these credentials use the channel this way.
 *
 * @category errors
 * @since 0.1.0
 */
export class PermissionDenied extends Schema.TaggedError<PermissionDenied>(
  "@kps/transport/TransportError/PermissionDenied"
)("PermissionDenied", {
  channel: Schema.String,
  operation: Schema.Literals(["publish", "subscribe"])
}) {
  override get message(): string {
    return `no permission to ${this.operation} on ${quoted(this.channel)}`
  }
  get isRetryable(): boolean {
    return false
  }
}

/**
 * The encoded message is larger than the broker accepts. Sizes are in bytes.
 *
 * @category errors
 * @since 0.1.0
 */
export class MessageTooLarge extends Schema.TaggedError<MessageTooLarge>(
  "@kps/transport/TransportError/MessageTooLarge"
)("MessageTooLarge", {
  channel: Schema.String,
  byteLength: Schema.Finite,
  limit: Schema.Finite
}) {
  override get message(): string {
    return `message of ${this.byteLength} bytes on ${quoted(this.channel)} is over the limit of ${this.limit} bytes`
  }
  get isRetryable(): boolean {
    return false
  }
}

/**
 * The transport was closed: its layer's scope has ended.
 *
 * @category errors
 * @since 0.1.0
 */
export class Closed extends Schema.TaggedError<Closed>(
  "@kps/transport/TransportError/Closed"
)("Closed", {}) {
  override get message(): string {
    return "the transport is closed"
  }
  get isRetryable(): boolean {
    return false
  }
}

/**
 * A frame on the channel is no `TransportMessage`. It was skipped.
 *
 * @category errors
 * @since 0.1.0
 */
export class MalformedFrame extends Schema.TaggedError<MalformedFrame>(
  "@kps/transport/TransportError/MalformedFrame"
)("MalformedFrame", {
  channel: Schema.String,
  byteLength: Schema.Finite,
  cause: Schema.Defect()
}) {
  override get message(): string {
    return `frame of ${this.byteLength} bytes on ${quoted(this.channel)} is no TransportMessage${because(this.cause)}`
  }
  get isRetryable(): boolean {
    return false
  }
}

/**
 * The stream of a subscription was run a second time. What the first run took is gone, so the second would have gaps.
 *
 * @category errors
 * @since 0.1.0
 */
export class AlreadyRun extends Schema.TaggedError<AlreadyRun>(
  "@kps/transport/TransportError/AlreadyRun"
)("AlreadyRun", {
  channel: Schema.String
}) {
  override get message(): string {
    return `the stream of a subscription to ${quoted(this.channel)} was run before: it can be run once`
  }
  get isRetryable(): boolean {
    return false
  }
}

/**
 * A stream or consumer of JetStream is there already, with other settings than the options ask for. Nothing was changed.
 *
 * @category errors
 * @since 0.1.0
 */
export class SettingsDiffer extends Schema.TaggedError<SettingsDiffer>(
  "@kps/transport/TransportError/SettingsDiffer"
)("SettingsDiffer", {
  channel: Schema.String,
  /** Such as `stream "KPS_readings"`. */
  subject: Schema.String,
  differences: Schema.Array(Schema.Struct({ setting: Schema.String, want: Schema.String, got: Schema.String }))
}) {
  override get message(): string {
    const each = this.differences.map(({ got, setting, want }) => `${setting}: want ${want}, got ${got}`)
    return `${this.subject} of channel ${quoted(this.channel)} has other settings: ${each.join("; ")}`
  }
  get isRetryable(): boolean {
    return false
  }
}

/**
 * JetStream refused to do something for the channel, or cannot do it now: it is full, or it is not there.
 *
 * @category errors
 * @since 0.1.0
 */
export class JetStreamRefused extends Schema.TaggedError<JetStreamRefused>(
  "@kps/transport/TransportError/JetStreamRefused"
)("JetStreamRefused", {
  channel: Schema.String,
  /** Such as "store messages" or "make stream \"KPS_readings\"". */
  operation: Schema.String,
  /** The server's own error code; 0 when there was no answer. */
  code: Schema.Finite,
  problem: Schema.String
}) {
  override get message(): string {
    const code = this.code === 0 ? "" : ` (${this.code})`
    return `JetStream cannot ${this.operation} for channel ${quoted(this.channel)}: ${this.problem}${code}`
  }
  get isRetryable(): boolean {
    return true
  }
}

/**
 * A writer that is to be the only one found a message of another one on the channel. It publishes no more.
 *
 * **Details**
 *
 * With a higher epoch a successor has begun: retrying is of no use. With a lower one, or its own, something was published
 * after the resume point was read: read it again and open a new writer.
 *
 * @category errors
 * @since 0.1.0
 */
export class WriterFenced extends Schema.TaggedError<WriterFenced>(
  "@kps/transport/TransportError/WriterFenced"
)("WriterFenced", {
  channel: Schema.String,
  /** Of this writer. */
  epoch: Schema.Finite,
  /** Of the other one. */
  found: Schema.Finite,
  /** Of the other's message, in the stream. */
  sequence: Schema.Finite
}) {
  override get message(): string {
    return `writer of epoch ${this.epoch} on ${
      quoted(this.channel)
    } is fenced: message ${this.sequence} is of epoch ${this.found}`
  }
  get isRetryable(): boolean {
    return this.found <= this.epoch
  }
}

/**
 * A writer that is to be the only one was asked for on a stream in which messages do not stay: what tells a writer that it
 * has a successor is the successor's message, found there. Nothing was published.
 *
 * @category errors
 * @since 0.1.0
 */
export class WriterUnfenced extends Schema.TaggedError<WriterUnfenced>(
  "@kps/transport/TransportError/WriterUnfenced"
)("WriterUnfenced", {
  channel: Schema.String,
  stream: Schema.String,
  retention: Schema.String
}) {
  override get message(): string {
    return `no writer can be the only one on ${quoted(this.channel)}: `
      + `stream ${quoted(this.stream)} has retention ${quoted(this.retention)}, `
      + "in which the messages that would fence it do not stay, want \"limits\""
  }
  get isRetryable(): boolean {
    return false
  }
}

/**
 * Every reason a transport operation can fail for.
 *
 * @category errors
 * @since 0.1.0
 */
export const TransportErrorReason = Schema.Union([
  ConnectionFailed,
  AuthorizationFailed,
  CredentialsUnreadable,
  NotConnected,
  InvalidServer,
  InvalidOption,
  InvalidChannel,
  PermissionDenied,
  MessageTooLarge,
  Closed,
  MalformedFrame,
  AlreadyRun,
  SettingsDiffer,
  JetStreamRefused,
  WriterFenced,
  WriterUnfenced
])

/**
 * @category errors
 * @since 0.1.0
 */
export type TransportErrorReason = typeof TransportErrorReason.Type

/**
 * The one error of the transport's error channel; `reason` says what happened.
 *
 * @category errors
 * @since 0.1.0
 */
export class TransportError extends Schema.TaggedError<TransportError>(
  "@kps/transport/TransportError"
)("TransportError", {
  reason: TransportErrorReason
}) {
  override readonly cause = this.reason

  override get message(): string {
    return this.reason.message
  }

  /** Whether trying the same operation again may succeed. */
  get isRetryable(): boolean {
    return this.reason.isRetryable
  }
}
