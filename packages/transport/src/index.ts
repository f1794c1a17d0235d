/**
 * Publishes to, and subscribes from, the channels of the data pipelines.
 *
 * @since 0.1.0
 */
export * as Channel from "./Channel.ts"
export * as JetStream from "./JetStream.ts"
export * as JetStreamTransport from "./JetStreamTransport.ts"
export * as NatsConnection from "./NatsConnection.ts"
export * as NatsSecurity from "./NatsSecurity.ts"
export * as NatsTransport from "./NatsTransport.ts"
export * as Packing from "./Packing.ts"
export * as PlatformTransport from "./PlatformTransport.ts"
export * as Transport from "./Transport.ts"
export * as TransportError from "./TransportError.ts"
