/**
 * The parameters of the class: what a stream, the config and an instance are given.
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"

/** Address of an outside broker: `nats://` or `tls://`, a host, and a port unless it is 4222. */
export const BrokerUrl = Schema.String.annotate({
  description:
    "Address of the NATS broker to read from or write to: \"nats://host:port\", or \"tls://host:port\" for TLS; port 4222 where none is given. User names, passwords and tokens are not part of it: see credentials.",
  examples: ["nats://nats:4222"]
}).check(
  Schema.isPattern(
    /^(?:nats|tls):\/\/(?:[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?$/u,
    {
      expected: "a broker address such as \"nats://host:4222\" or \"tls://host:4222\", without user and password"
    }
  ),
  Schema.makeFilter((url: string) => {
    const port = /:([0-9]{1,5})$/.exec(url)
    return port === null || (Number(port[1]) >= 1 && Number(port[1]) <= 65_535) || "expected a port from 1 to 65535"
  })
)

/** What is the same broker has the same key, whichever way its address is written. */
export const brokerKey = (url: string): string => {
  const lower = url.toLowerCase()
  return /:[0-9]+$/.test(lower) ? lower : `${lower}:4222`
}

/** Beside the patterns, which every reader of a JSON Schema has to understand. */
const noControl = Schema.makeFilter((text: string) => !/\p{Cc}/u.test(text) || "expected no control characters")

/** A NATS subject. `*` stands for one token and a last `>` for all that follow. */
export const Subject = Schema.String.annotate({
  description:
    "NATS subject to fetch the messages from or emit the messages to. An ingress stream may use the wildcards \"*\" and \">\"; an egress stream may not, nor a subject that begins with \"$\".",
  examples: ["nats_in"]
}).check(
  Schema.isPattern(/^(?:(?:[^\s.*>]+|\*)(?:\.(?:[^\s.*>]+|\*))*(?:\.>)?|>)$/u, {
    expected:
      "a NATS subject such as \"plant.line-1\": tokens between dots, no white space, \"*\" and \">\" only as whole tokens"
  }),
  noControl,
  Schema.isMaxLength(1024)
)

/** Name of a NATS queue group. */
export const Queue = Schema.String.annotate({
  description:
    "NATS queue group of an ingress stream: each message goes to one of the subscribers that share the group. Without it every subscriber gets every message."
}).check(
  Schema.isPattern(/^[^\s*>]+$/u, { expected: "a queue group name without white space and wildcards" }),
  noControl,
  Schema.isMaxLength(255)
)

/** Name of a secret, as Kubernetes names things: it cannot be a path. */
export const CredentialsName = Schema.String.annotate({
  description:
    "Name of the secret with what the broker is shown: credentials, certificates. The operator mounts it into the connector's container. Never the secret itself, and no path.",
  examples: ["plant-broker"]
}).check(
  Schema.isPattern(/^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$/u, {
    expected: "the name of a secret: lower-case letters, digits and \"-\", such as \"plant-broker\""
  }),
  Schema.isMaxLength(63)
)

/** Name of a stream or of a durable consumer of JetStream. */
const jetStreamName = Schema.isPattern(/^[^\s.*>/\\]+$/u, {
  expected: "a name of JetStream: no white space, and none of . * > / \\"
})

const defaultRead = "acknowledged"
const defaultStart = "first"

/** What makes a stream speak JetStream with its broker: `{}` where the defaults will do. */
export const JetStream = Schema.Struct({
  read: Schema.Literals(["acknowledged", "resumable"]).annotate({
    description:
      "Ingress only. acknowledged: by a durable consumer of the broker, which is told of each message once the pipeline's transport has it. resumable: from a sequence on, which is kept with the pipeline's channel; the broker needs to keep nothing for it.",
    default: defaultRead
  }).pipe(Schema.withDecodingDefaultTypeKey(Effect.succeed(defaultRead as "acknowledged" | "resumable"))),
  stream: Schema.optionalKey(
    Schema.String.annotate({
      description:
        "Name of the broker's JetStream stream. Ingress: to read from; without it, the one that stores the subject. Egress: what another stream than this one would store is refused; without it, any may.",
      examples: ["PLANT"]
    }).check(jetStreamName, noControl, Schema.isMaxLength(255))
  ),
  durable: Schema.optionalKey(
    Schema.String.annotate({
      description:
        "Ingress with read: acknowledged. Name of the durable consumer, which is made where it is not there. Without it: kps-<instance>+<stream>, the ids of connector instance and stream."
    }).check(jetStreamName, noControl, Schema.isMaxLength(128))
  ),
  start: Schema.Literals(["first", "new"]).annotate({
    description:
      "Ingress only. Where to begin when nothing was read yet: first, at the first message that is kept; new, at the first that comes.",
    default: defaultStart
  }).pipe(Schema.withDecodingDefaultTypeKey(Effect.succeed(defaultStart as "first" | "new")))
}).annotate({
  description:
    "Given: the messages are read from, or written to, a JetStream stream of the broker, at least once. Without it: core NATS, at most once on the way in."
}).check(
  Schema.makeFilter(({ durable, read }) =>
    durable === undefined || read === defaultRead || "expected no durable with read: \"resumable\", which needs none"
  )
)

export type JetStream = typeof JetStream.Type

/** Parameters of one stream. */
export const Stream = Schema.Struct({
  subject: Subject,
  broker: BrokerUrl,
  queue: Schema.optionalKey(Queue),
  credentials: Schema.optionalKey(CredentialsName),
  jetstream: Schema.optionalKey(JetStream)
}).annotate({ description: "Stream schema" }).check(
  Schema.makeFilter(({ jetstream, queue }) =>
    jetstream === undefined || queue === undefined ||
    "expected no queue with jetstream: members of its durable consumer share the messages"
  )
)

export type Stream = typeof Stream.Type

const defaultLogLevel = "INFO"

/** How much is logged, most first. */
export const LogLevel = Schema.Literals(["DEBUG", "INFO", "WARN", "ERROR"]).annotate({
  description: "Log level of the connector's container: what is below it is not logged.",
  default: defaultLogLevel
})

export type LogLevel = typeof LogLevel.Type

/** The config of an instance. */
export const Config = Schema.Struct({
  log_level: LogLevel.pipe(Schema.withDecodingDefaultTypeKey(Effect.succeed(defaultLogLevel as LogLevel)))
})

export type Config = typeof Config.Type

/** What creating an instance fills into the Kubernetes documents of the class. */
export const StaticParameters = Schema.Struct({
  image_tag: Schema.String.annotate({ description: "Tag of the connector's container image." }).check(
    Schema.isPattern(/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/u, { expected: "a container image tag such as \"1.4.2\"" })
  )
})
