/**
 * Failures as the person at the terminal sees them: what failed, what to do, and the exit code.
 *
 * Exit codes: 0 done; 1 the connector or the service domain refused, failed or does not serve, a class differs or
 * breaks; 2 the command line or a file is wrong; 3 the connector or the service domain could not be reached or did not
 * answer in time.
 *
 * @since 0.1.0
 */
import type { ClientError, Endpoint, Tls } from "@kps/client"
import type { InvalidResource } from "@kps/resources"
import type { DeadLetterError, StateError } from "@kps/server"
import type { ConnectorTarget, DocumentError, NatsBroker, RestServer, Witness } from "@kps/service-domain"
import type { Description, WireSubject } from "@kps/testing"
import type { TransportError } from "@kps/transport"
import type { ConfigError } from "effect/Config"
import * as Schema from "effect/Schema"
import type { NoConnector } from "./ConnectorModule.ts"
import type { InvalidDocument } from "./DesiredState.ts"
import type { BadContext } from "./domain/Contexts.ts"
import type { Failed } from "./domain/Domain.ts"
import type { NoDocuments, UnfitFiles } from "./domain/Manifest.ts"
import type { NotNamed } from "./domain/Names.ts"
import type { UnknownNoun } from "./domain/Noun.ts"
import type { Unfit } from "./domain/Plan.ts"
import type { HttpFailed } from "./Guarantees.ts"

/**
 * @category errors
 * @since 0.1.0
 */
export class NotServing extends Schema.TaggedError<NotServing>("@kps/cli/Report/NotServing")("NotServing", {
  endpoint: Schema.String,
  status: Schema.String
}) {
  override get message(): string {
    return `the connector at ${this.endpoint} is ${this.status}`
  }
}

/**
 * @category errors
 * @since 0.1.0
 */
export class BadAssignment extends Schema.TaggedError<BadAssignment>("@kps/cli/Report/BadAssignment")("BadAssignment", {
  text: Schema.String
}) {
  override get message(): string {
    return this.text === ""
      ? "nothing to set: want key=value or --unset KEY"
      : `want key=value, got ${JSON.stringify(this.text)}`
  }
}

/**
 * @category errors
 * @since 0.1.0
 */
export class UnreadableFile
  extends Schema.TaggedError<UnreadableFile>("@kps/cli/Report/UnreadableFile")("UnreadableFile", {
    file: Schema.String,
    cause: Schema.Defect()
  })
{
  override get message(): string {
    return `cannot read ${JSON.stringify(this.file)}: ${this.cause instanceof Error ? this.cause.message : "unknown"}`
  }
}

/**
 * @category errors
 * @since 0.1.0
 */
export class UnwritableFile
  extends Schema.TaggedError<UnwritableFile>("@kps/cli/Report/UnwritableFile")("UnwritableFile", {
    file: Schema.String,
    cause: Schema.Defect()
  })
{
  override get message(): string {
    return `cannot write ${JSON.stringify(this.file)}: ${this.cause instanceof Error ? this.cause.message : "unknown"}`
  }
}

/**
 * A service domain cannot keep its data in the folder that it was given.
 *
 * @category errors
 * @since 0.1.0
 */
export class UnusableFolder extends Schema.TaggedError<UnusableFolder>("@kps/cli/Report/UnusableFolder")(
  "UnusableFolder",
  { folder: Schema.String, problem: Schema.String }
) {
  override get message(): string {
    return `cannot keep data in ${JSON.stringify(this.folder)}: ${this.problem}`
  }
}

/**
 * @category errors
 * @since 0.1.0
 */
export class UnknownCase extends Schema.TaggedError<UnknownCase>("@kps/cli/Report/UnknownCase")("UnknownCase", {
  ids: Schema.Array(Schema.String),
  known: Schema.Array(Schema.String)
}) {
  override get message(): string {
    return `want --case to be one of ${this.known.join(", ")}, got ${
      this.ids.map((id) => JSON.stringify(id)).join(", ")
    }`
  }
}

/**
 * A connector that breaks what it has to keep.
 *
 * @category errors
 * @since 0.1.0
 */
export class NotConforming extends Schema.TaggedError<NotConforming>("@kps/cli/Report/NotConforming")("NotConforming", {
  conclusion: Schema.String
}) {
  override get message(): string {
    return this.conclusion
  }
}

/**
 * @category errors
 * @since 0.1.0
 */
export class NoPosition extends Schema.TaggedError<NoPosition>("@kps/cli/Report/NoPosition")("NoPosition", {
  connectorId: Schema.String,
  stream: Schema.String
}) {
  override get message(): string {
    return `no position is saved of stream ${JSON.stringify(this.stream)} of connector ${
      JSON.stringify(this.connectorId)
    }`
  }
}

/**
 * A class document that is not what the code makes.
 *
 * @category errors
 * @since 0.1.0
 */
export class ClassDiffers extends Schema.TaggedError<ClassDiffers>("@kps/cli/Report/ClassDiffers")("ClassDiffers", {
  file: Schema.String,
  module: Schema.String,
  /** One line for each place that differs. */
  places: Schema.Array(Schema.String)
}) {
  override get message(): string {
    return `${this.file} is not what ${this.module} makes:${this.places.map((place) => `\n  ${place}`).join("")}`
  }
}

/**
 * A class that does not take what another takes, or of which that cannot be told.
 *
 * @category errors
 * @since 0.1.0
 */
export class ClassBreaks extends Schema.TaggedError<ClassBreaks>("@kps/cli/Report/ClassBreaks")("ClassBreaks", {
  oldFile: Schema.String,
  newFile: Schema.String
}) {
  override get message(): string {
    return `${this.newFile} is not known to take all that ${this.oldFile} takes`
  }
}

/**
 * Nothing says which dead letters are meant, or two things do.
 *
 * @category errors
 * @since 0.1.0
 */
export class BadSelection extends Schema.TaggedError<BadSelection>("@kps/cli/Report/BadSelection")("BadSelection", {
  problem: Schema.String
}) {
  override get message(): string {
    return this.problem
  }
}

/**
 * Some of the dead letters could not be dealt with; the others were.
 *
 * @category errors
 * @since 0.1.0
 */
export class LettersFailed extends Schema.TaggedError<LettersFailed>("@kps/cli/Report/LettersFailed")("LettersFailed", {
  problems: Schema.Array(Schema.String)
}) {
  override get message(): string {
    const shown = this.problems.slice(0, 10)
    const more = this.problems.length > 10 ? [`and ${this.problems.length - 10} more`] : []
    return [...shown, ...more].join("\n  ")
  }
}

/**
 * Something at a broker could not be read.
 *
 * @category errors
 * @since 0.1.0
 */
export class NotReadable extends Schema.TaggedError<NotReadable>("@kps/cli/Report/NotReadable")("NotReadable", {
  what: Schema.String,
  cause: Schema.Defect()
}) {
  override get message(): string {
    return `cannot read ${this.what}: ${this.cause instanceof Error ? this.cause.message : String(this.cause)}`
  }
}

/**
 * Something is wrong with how a broker or a connector is set up.
 *
 * @category errors
 * @since 0.1.0
 */
export class DoctorWarns extends Schema.TaggedError<DoctorWarns>("@kps/cli/Report/DoctorWarns")("DoctorWarns", {
  count: Schema.Int
}) {
  override get message(): string {
    return this.count === 1 ? "1 warning" : `${this.count} warnings`
  }
}

/**
 * Everything a command can fail with.
 *
 * @category errors
 * @since 0.1.0
 */
export type Failure =
  | ClientError.SetPayloadError
  | Endpoint.InvalidEndpoint
  | Tls.InvalidTls
  | InvalidDocument
  | NotServing
  | BadAssignment
  | UnreadableFile
  | UnusableFolder
  | UnwritableFile
  | UnknownCase
  | NotConforming
  | NoPosition
  | StateError.StateError
  | DeadLetterError.DeadLetterError
  | BadSelection
  | LettersFailed
  | TransportError.TransportError
  | ClassDiffers
  | ClassBreaks
  | NoConnector
  | InvalidResource.InvalidResource
  | ConfigError
  | HttpFailed
  | NotReadable
  | DoctorWarns
  | Description.InvalidDescription
  | WireSubject.Unusable
  | BadContext
  | ConnectorTarget.InvalidTarget
  | NatsBroker.BrokerFailed
  | RestServer.ListenFailed
  | DocumentError.DocumentError
  | Witness.DocumentsDamaged
  | Failed
  | NoDocuments
  | NotNamed
  | UnknownNoun
  | Unfit
  | UnfitFiles

/**
 * @category reporting
 * @since 0.1.0
 */
export const exitCode = (failure: Failure): number => {
  switch (failure._tag) {
    case "InvalidEndpoint":
    case "InvalidTls":
    case "InvalidDocument":
    case "BadAssignment":
    case "UnreadableFile":
    case "UnusableFolder":
    case "UnwritableFile":
    case "UnknownCase":
    case "ConfigError":
    case "InvalidDescription":
    case "NotTestable":
    case "NoConnector":
    case "BadSelection":
    case "InvalidResource":
    case "BadContext":
    case "InvalidTarget":
    case "ListenFailed":
    case "NoDocuments":
    case "UnknownNoun":
    case "Unfit":
    case "UnfitFiles":
      return 2
    case "Away":
    case "Unreachable":
    case "CertificateRefused":
    case "DeadlineExceeded":
    case "NotReachable":
    case "BedFailed":
    case "HttpFailed":
    case "NotReadable":
      return 3
    case "TransportError":
      return failure.reason._tag === "NotConnected" ? 3 : 2
    case "StateError":
    case "DeadLetterError":
      return failure.reason._tag === "Unavailable" ? 3 : 1
    default:
      return 1
  }
}

const advice = (failure: Failure): string | undefined => {
  switch (failure._tag) {
    case "Unreachable":
      return "is the connector running, is --endpoint where it serves, and does it speak TLS (--tls) or not?"
    case "CertificateRefused":
      return failure.whose === "connector"
        ? "give its authority with --tls-ca, or the name in its certificate with --tls-server-name"
        : "give a certificate that it accepts with --tls-cert and --tls-key"
    case "DeadlineExceeded":
      return "ask again, or give it more time with --deadline"
    case "InvalidRequest":
      return failure.reason === "WrongConnectorId" ? "give the id of this instance with --connector-id" : undefined
    case "StreamsFailed":
      return failure.isRetryable
        ? "the connector goes on trying; watch it with kps events --follow"
        : "mend what is named, then set it again"
    case "NotReachable":
      return failure.what === "connector"
        ? "is the connector running, and is --endpoint where it serves?"
        : "is the broker running, and is --nats where it listens?"
    case "TransportError":
      return failure.reason._tag === "NotConnected"
        ? "is the broker running, and is --nats where it listens?"
        : undefined
    case "HttpFailed":
      return "does the connector serve its metrics there (KPS_METRICS_PORT, --metrics-port)?"
    case "StateError":
      return failure.reason._tag === "Unavailable"
        ? "is the broker running, has it JetStream, and is --nats where it listens?"
        : failure.reason._tag === "Unreadable"
        ? "take it away with kps positions reset, or put another in its place with kps positions set"
        : undefined
    case "DeadLetterError":
      return failure.reason._tag === "Unavailable"
        ? "is the broker running, has it JetStream, and is --nats where it listens?"
        : failure.reason._tag === "NotFound"
        ? "kps dlq ls shows all that are kept"
        : failure.reason._tag === "Unreadable"
        ? "take it away with kps dlq purge"
        : undefined
    case "NoPosition":
      return "kps positions ls shows all that are saved"
    case "InvalidDocument":
      return "nothing was sent"
    case "Away":
      return failure.reason === "unreachable"
        ? "does it run (kps serve), and is its context the right one (kps config get-contexts)?"
        : "is the context the right one (kps config get-contexts)?"
    case "Refused":
      return failure.status === 401 ? "log in again with kps config create-context" : undefined
    case "UnusableFolder":
      return "take another folder with --data"
    case "ListenFailed":
      return "is another one running? --port 0 takes a free port"
    case "Unfit":
    case "UnfitFiles":
      return "nothing was changed"
    case "ClassDiffers":
      return "write it anew with kps class build"
    case "ClassBreaks":
      return "mend it, or register it beside the old one: what was written for that stays as it is"
    default:
      return undefined
  }
}

/**
 * The lines for standard error.
 *
 * @category reporting
 * @since 0.1.0
 */
export const text = (failure: Failure): string => {
  const hint = advice(failure)
  return `kps: ${failure.message}${hint === undefined ? "" : `\n     ${hint}`}`
}
