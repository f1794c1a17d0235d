/**
 * What can go wrong with an outside broker. The failures table of the definition has a row for each.
 *
 * Addresses hold no credentials (`BrokerUrl` refuses them), so no text here can show any.
 */
import * as Schema from "effect/Schema"

const cut = (text: string): string => text.length > 200 ? `${text.slice(0, 200)}…` : text

const because = (cause: unknown): string => {
  const text = cause instanceof Error ? cause.message : typeof cause === "string" ? cause : ""
  return text === "" ? "" : `: ${cut(text)}`
}

/** Nothing that speaks NATS, or speaks it as asked, answers there in time. */
export class BrokerUnreachable extends Schema.TaggedError<BrokerUnreachable>()("BrokerUnreachable", {
  broker: Schema.String,
  cause: Schema.Defect()
}) {
  override get message(): string {
    return `cannot connect to ${this.broker}${because(this.cause)}`
  }
}

/** The connection was there and broke, or the broker fell silent. */
export class BrokerLost extends Schema.TaggedError<BrokerLost>()("BrokerLost", {
  broker: Schema.String,
  cause: Schema.Defect()
}) {
  override get message(): string {
    return `lost the connection to ${this.broker}${because(this.cause)}`
  }
}

/** The broker answered and refused the credentials, or that there are none. */
export class CredentialsRefused extends Schema.TaggedError<CredentialsRefused>()("CredentialsRefused", {
  broker: Schema.String,
  /** The name of the secret, where the stream names one. */
  credentials: Schema.UndefinedOr(Schema.String)
}) {
  override get message(): string {
    return this.credentials === undefined
      ? `${this.broker} asks for credentials, and the stream names none`
      : `${this.broker} refuses the credentials "${cut(this.credentials)}"`
  }
}

/** There is no secret of this name, or it does not hold what it must. */
export class CredentialsUnreadable extends Schema.TaggedError<CredentialsUnreadable>()("CredentialsUnreadable", {
  /** The name of the secret; where it is mounted is the operator's business. */
  credentials: Schema.String,
  /** Never a value of the secret. */
  problem: Schema.String
}) {
  override get message(): string {
    return `cannot read the credentials "${cut(this.credentials)}": ${cut(this.problem)}`
  }
}

/** The broker does not let these credentials use the subject this way. */
export class SubjectDenied extends Schema.TaggedError<SubjectDenied>()("SubjectDenied", {
  broker: Schema.String,
  subject: Schema.String,
  operation: Schema.Literals(["publish", "subscribe"])
}) {
  override get message(): string {
    return `${this.broker} does not permit to ${this.operation} on "${cut(this.subject)}"`
  }
}

/** The payload is larger than the outside broker takes. Sizes are in bytes. */
export class MessageTooLarge extends Schema.TaggedError<MessageTooLarge>()("MessageTooLarge", {
  broker: Schema.String,
  subject: Schema.String,
  byteLength: Schema.Finite,
  limit: Schema.Finite
}) {
  override get message(): string {
    return `message of ${this.byteLength} bytes on "${
      cut(this.subject)
    }" is over the limit of ${this.limit} bytes of ${this.broker}`
  }
}

/** A parameter that is right for an ingress stream was given to an egress stream. */
export class NotForEgress extends Schema.TaggedError<NotForEgress>()("NotForEgress", {
  parameter: Schema.Literals(["subject", "queue"]),
  value: Schema.String,
  problem: Schema.String
}) {
  override get message(): string {
    return `${this.parameter} "${cut(this.value)}" is not for an egress stream: ${this.problem}`
  }
}

/** What asking for a connection can fail with. */
export type ConnectError = BrokerUnreachable | CredentialsRefused | CredentialsUnreadable

/** Every error of the implementation. */
export type BrokerError = ConnectError | BrokerLost | SubjectDenied | MessageTooLarge | NotForEgress
