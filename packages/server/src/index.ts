/**
 * Runs a connector: the gRPC contract, supervised streams, config, health.
 *
 * @since 0.1.0
 */
export * as ConnectorServer from "./ConnectorServer.ts"
export * as ContractError from "./ContractError.ts"
export * as RunningStreams from "./RunningStreams.ts"
export * as StreamPacking from "./StreamPacking.ts"
export * as StreamSpec from "./StreamSpec.ts"
export * as Violation from "./Violation.ts"
