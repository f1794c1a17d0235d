/**
 * Calls a KPS connector in any language, with typed errors.
 *
 * @since 0.1.0
 */
export * as ClientError from "./ClientError.ts"
export * as ConnectorClient from "./ConnectorClient.ts"
export * as Endpoint from "./Endpoint.ts"
export * as GrpcTransport from "./GrpcTransport.ts"
export type { HealthStatus } from "./Health.ts"
export * as Tls from "./Tls.ts"
