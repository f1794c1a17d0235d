/** The library, apart: it is loaded when it is needed, which core NATS does not. Bundlers know its exports here. */
export { jetstreamManager } from "@nats-io/jetstream"
