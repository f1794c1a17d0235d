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
  parameter: Schema.Literals(["subject", "queue", "jetstream.read", "jetstream.durable", "jetstream.start"]),
  value: Schema.String,
  problem: Schema.String
}) {
  override get message(): string {
    return `${this.parameter} "${cut(this.value)}" is not for an egress stream: ${this.problem}`
  }
}

/** JetStream does not answer, or did not do what it was asked to, though the broker is there. */
export class JetStreamFailed extends Schema.TaggedError<JetStreamFailed>()("JetStreamFailed", {
  broker: Schema.String,
  /** Such as "look for the stream of \"plant.line-1\"". */
  operation: Schema.String,
  problem: Schema.String
}) {
  override get message(): string {
    return `JetStream of ${this.broker} cannot ${cut(this.operation)}: ${cut(this.problem)}`
  }
}

/** No stream or consumer of the broker is as the parameters want it: for an operator to mend, there or here. */
export class StreamUnfit extends Schema.TaggedError<StreamUnfit>()("StreamUnfit", {
  broker: Schema.String,
  problem: Schema.String
}) {
  override get message(): string {
    return `${this.broker}: ${cut(this.problem)}`
  }
}

/** The position to go on from is none of the stream that is there. Nothing is skipped, and nothing is read. */
export class PositionUnfit extends Schema.TaggedError<PositionUnfit>()("PositionUnfit", {
  broker: Schema.String,
  stream: Schema.String,
  sequence: Schema.Finite,
  problem: Schema.String
}) {
  override get message(): string {
    return `position ${this.sequence} does not fit stream "${
      cut(this.stream)
    }" of ${this.broker}: ${this.problem}; "kps positions reset" begins anew, "kps positions set" elsewhere`
  }
}

/** The stream that stores the subject outside did not take the message, for now or for what it is. */
export class MessageRefused extends Schema.TaggedError<MessageRefused>()("MessageRefused", {
  broker: Schema.String,
  subject: Schema.String,
  problem: Schema.String
}) {
  override get message(): string {
    return `${this.broker} did not store a message on "${cut(this.subject)}": ${cut(this.problem)}`
  }
}

/** What asking for a connection can fail with. */
export type ConnectError = BrokerUnreachable | CredentialsRefused | CredentialsUnreadable

/** What asking JetStream can fail with. */
export type JetStreamError = JetStreamFailed | StreamUnfit | BrokerLost

/** Every error of the implementation. */
export type BrokerError =
  | ConnectError
  | BrokerLost
  | SubjectDenied
  | MessageTooLarge
  | NotForEgress
  | JetStreamError
  | PositionUnfit
  | MessageRefused
