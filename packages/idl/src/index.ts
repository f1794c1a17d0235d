/**
 * The KPS connector contract: generated types, the `TransportMessage` codec, response codes by name.
 *
 * @since 0.1.0
 */
export * from "./gen/connector/v1/connector_pb.ts"
export * as ErrorDetails from "./gen/google/rpc/error_details_pb.ts"
export * as HealthV1 from "./gen/grpc/health/v1/health_pb.ts"
export * as ReflectionV1 from "./gen/grpc/reflection/v1/reflection_pb.ts"
export * as ReflectionV1Alpha from "./gen/grpc/reflection/v1alpha/reflection_pb.ts"
export * as ResponseCodes from "./ResponseCodes.ts"
export * as TransportCodec from "./TransportCodec.ts"
