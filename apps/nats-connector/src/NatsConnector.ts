/**
 * The definition of the connector of the original documentation: class `natsconnector`.
 */
import { Connector, Failure } from "@kps/connector"
import * as Parameters from "./Parameters.ts"

export const NatsConnector = Connector.make("natsconnector")({
  version: "1.0",
  description: "Moves messages between NATS subjects and data pipelines.",
  direction: "BIDIRECTIONAL",
  staticParameters: Parameters.StaticParameters,
  config: Parameters.Config,
  stream: Parameters.Stream,
  failures: {
    // A broker that is back is found within seconds: the cap is far below the default of 30 seconds.
    BrokerUnreachable: Failure.retry({ code: "UNAVAILABLE", severity: "CRITICAL", backoff: { cap: "2 seconds" } }),
    BrokerLost: Failure.retry({ code: "UNAVAILABLE", severity: "CRITICAL", backoff: { cap: "2 seconds" } }),
    // An operator can mend the secret, or the account on the broker, while the stream goes on asking.
    CredentialsRefused: Failure.retry({
      code: "UNAUTHENTICATED",
      severity: "CRITICAL",
      backoff: { base: "1 second", cap: "30 seconds" }
    }),
    CredentialsUnreadable: Failure.retry({
      code: "FAILED_PRECONDITION",
      severity: "CRITICAL",
      backoff: { base: "1 second", cap: "30 seconds" }
    }),
    SubjectDenied: Failure.halt({ code: "PERMISSION_DENIED", severity: "CRITICAL" }),
    NotForEgress: Failure.halt({ code: "INVALID_ARGUMENT", severity: "CRITICAL" }),
    JetStreamFailed: Failure.retry({ code: "UNAVAILABLE", severity: "CRITICAL", backoff: { cap: "2 seconds" } }),
    // An operator can make the stream, or mend the parameters or the position, while the stream goes on asking.
    StreamUnfit: Failure.retry({
      code: "FAILED_PRECONDITION",
      severity: "CRITICAL",
      backoff: { base: "1 second", cap: "10 seconds" },
      // no item is at fault
      horizon: "Infinity"
    }),
    PositionUnfit: Failure.retry({
      code: "FAILED_PRECONDITION",
      severity: "CRITICAL",
      backoff: { base: "1 second", cap: "10 seconds" }
    }),
    // A stream that is full, or has no leader, takes it later.
    MessageRefused: Failure.retry({ code: "UNAVAILABLE", severity: "CRITICAL", backoff: { cap: "2 seconds" } }),
    MessageTooLarge: Failure.deadLetter({ code: "RESOURCE_EXHAUSTED", severity: "CRITICAL" })
  }
})
