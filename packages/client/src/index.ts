/**
 * Calls a KPS connector in any language, with typed errors.
 *
 * @since 0.1.0
 */
export * as ConnectorClient from "./ConnectorClient.ts"
