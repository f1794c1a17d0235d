/**
 * What a connector author writes against.
 *
 * @since 0.1.0
 */
export * as Connector from "./Connector.ts"
export * as Delivery from "./Delivery.ts"
export * as Failure from "./Failure.ts"
export * as Guarantee from "./Guarantee.ts"
