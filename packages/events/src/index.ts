/**
 * Alert and status definitions, and the registry that GetEvents reads.
 *
 * @since 0.1.0
 */
export * as Event from "./Event.ts"
export * as Events from "./Events.ts"
export * as StreamEvents from "./StreamEvents.ts"
export * as Text from "./Text.ts"
