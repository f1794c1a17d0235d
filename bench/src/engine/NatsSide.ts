/** The sides that publish and subscribe over one nats-server, each with processes and a channel of its own. */
import * as Nats from "@kps/transport/testing/NatsServer"
import { Effect, type Scope } from "effect"
import { BenchFailed } from "./BenchFailed.ts"
import type { Side } from "./Compare.ts"
import * as Flow from "./Flow.ts"
import type { GoPeer } from "./GoPeer.ts"
import * as Worker from "./Worker.ts"

/** A nats-server of one's own, on a free port, that ends with the scope. */
export const server = (options: Nats.Options = {}): Effect.Effect<
  Nats.NatsServer["Service"],
  BenchFailed,
  Scope.Scope
> => Effect.mapError(Nats.make(options), (error) => new BenchFailed({ problem: error.message }))

/** A program that publishes or subscribes: a role with those of its parameters that are not the route. */
export interface Program {
  readonly from: "node" | Worker.GoProgram
  readonly role: string
  readonly parameters: object
}

export const node = (role: string, parameters: object = {}): Program => ({ from: "node", role, parameters })
export const sdk = (role: string, parameters: object): Program => ({ from: "sdk", role, parameters })
const latest = (role: string): Program => ({ from: "latest", role, parameters: {} })

const publishers = {
  /** `Transport` of `@kps/transport`, one payload per message. */
  "ours": node("publish", { packed: false }),
  /** The same, with what `Packing.pack` makes of the payloads. */
  "ours, packed": node("publish", { packed: true }),
  /** The client of the Go SDK, one payload per message. */
  "sdk": sdk("publish", { client: "sdk" }),
  /** The source of a whole connector, one payload per message. */
  "connector": node("connector", { direction: "ingress", packed: false }),
  "connector, packed": node("connector", { direction: "ingress", packed: true }),
  /** nats.go with the SDK's messages, 64 payloads in each: what a Go publisher could do, and the SDK's client does not. */
  "sdk, packed": sdk("publish", { client: "packed" }),
  /** nats.go alone: the payload is the message. */
  "nats.go": latest("publish"),
  /** The JavaScript client alone: the payload is the message. */
  "plain": node("plainPublish", { codec: "none" }),
  "plain, generated codec": node("plainPublish", { codec: "generated" }),
  "plain, our codec": node("plainPublish", { codec: "hand" })
}

const subscribers = {
  /** `Transport` of `@kps/transport`. */
  "ours": node("subscribe"),
  /** The sink of a whole connector. */
  "connector": node("connector", { direction: "egress", packed: false }),
  /** The client of the Go SDK: hands over the first payload of a message alone. */
  "sdk": sdk("subscribe", { client: "sdk" }),
  /** nats.go with the SDK's messages: all payloads of a message. */
  "sdk, packed": sdk("subscribe", { client: "packed" }),
  "nats.go": latest("subscribe"),
  "plain": node("plainSubscribe", { codec: "none" }),
  "plain, generated codec": node("plainSubscribe", { codec: "generated" }),
  "plain, our codec": node("plainSubscribe", { codec: "hand" })
}

export type Publisher = keyof typeof publishers
export type Subscriber = keyof typeof subscribers

const worker = (
  { from, parameters, role }: Program,
  route: { readonly url: string; readonly channel: string; readonly size: number }
): Effect.Effect<Worker.Worker | undefined, BenchFailed, GoPeer | Scope.Scope> =>
  from === "node"
    ? Worker.node(role, { ...parameters, ...route })
    : Worker.go(from, role, { ...parameters, ...route }, { NATS_BROKER: route.url, PUSH_GW: "" })

interface Route {
  /** Of the nats-server. */
  readonly url: string
  /** Of a payload, in bytes. */
  readonly size: number
}

/** Starts both ends, with a channel of their own; undefined where one of them is Go and Go is absent. */
export const ends = (
  name: string,
  { publisher, size, subscriber, url }: Route & { readonly publisher: Program; readonly subscriber: Program }
): Effect.Effect<Flow.Ends | undefined, BenchFailed, GoPeer | Scope.Scope> => {
  const route = { url, size, channel: name.replaceAll(/[^a-zA-Z0-9]+/g, "-") }
  return Effect.map(
    Effect.all([worker(subscriber, route), worker(publisher, route)], { concurrency: 2 }),
    ([subscriber, publisher]) =>
      subscriber === undefined || publisher === undefined ? undefined : { subscriber, publisher }
  )
}

/** A side whose throughput is measured. */
export const make = (
  name: string,
  options: Route & { readonly publisher: Publisher; readonly subscriber: Subscriber }
): Effect.Effect<Side<Flow.Sample> | undefined, BenchFailed, GoPeer | Scope.Scope> =>
  Effect.map(
    ends(name, {
      ...options,
      publisher: publishers[options.publisher],
      subscriber: subscribers[options.subscriber]
    }),
    (ends) => ends === undefined ? undefined : Flow.side(name, ends)
  )
