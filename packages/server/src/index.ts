/**
 * Runs a connector: the gRPC contract, supervised streams, config, health; and the state that its replicas share.
 *
 * @since 0.1.0
 */
export * as Bucket from "./Bucket.ts"
export * as ConnectorServer from "./ConnectorServer.ts"
export * as ContractError from "./ContractError.ts"
export * as DeadLetterError from "./DeadLetterError.ts"
export * as DeadLetters from "./DeadLetters.ts"
export * as DesiredState from "./DesiredState.ts"
export * as Lease from "./Lease.ts"
export * as Positions from "./Positions.ts"
export * as ReplicaReport from "./ReplicaReport.ts"
export * as RunningStreams from "./RunningStreams.ts"
export * as Session from "./Session.ts"
export * as Sessions from "./Sessions.ts"
export * as SharedState from "./SharedState.ts"
export * as StateError from "./StateError.ts"
export * as StreamDelivery from "./StreamDelivery.ts"
export * as StreamPacking from "./StreamPacking.ts"
export * as StreamSpec from "./StreamSpec.ts"
export * as Violation from "./Violation.ts"
