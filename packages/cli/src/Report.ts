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
import type {
  BadAssignment,
  BadSelection,
  ClassBreaks,
  ClassDiffers,
  DoctorWarns,
  LettersFailed,
  NoPosition,
  NotConforming,
  NotReadable,
  NotServing,
  UnknownCase,
  UnreadableFile,
  UnusableFolder,
  UnwritableFile
} from "./CommandError.ts"
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
