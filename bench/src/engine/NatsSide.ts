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

/** Who publishes, or subscribes. */
export type Client =
  /** `Transport` of `@kps/transport`, one payload per message. */
  | "ours"
  /** The client of the Go SDK. */
  | "sdk"
  /** nats.go alone: the payload is the message. */
  | "nats.go"
  /** The JavaScript client alone: the payload is the message. */
  | "plain"
  /** The JavaScript client, with the generated codec. */
  | "plainGenerated"
  /** The JavaScript client, with our codec. */
  | "plainHand"
  /** nats.go with the SDK's message type: subscriber only, reads all payloads of a message. */
  | "sdkMessage"

interface Route {
  readonly url: string
  readonly channel: string
  readonly size: number
}

const worker = (
  role: "publish" | "subscribe",
  client: Client,
  route: Route
): Effect.Effect<Worker.Worker, BenchFailed, GoPeer | Scope.Scope> => {
  const go = (client: string) => Worker.go(role, { ...route, client }, { NATS_BROKER: route.url, PUSH_GW: "" })
  const plain = (codec: string) =>
    Worker.node(role === "publish" ? "plainPublish" : "plainSubscribe", { ...route, codec })
  switch (client) {
    case "ours":
      return Worker.node(role, route)
    case "sdk":
      return go("sdk")
    case "nats.go":
      return go("nats")
    case "sdkMessage":
      return go("message")
    case "plain":
      return plain("none")
    case "plainGenerated":
      return plain("generated")
    case "plainHand":
      return plain("hand")
  }
}

const isGo = (client: Client) => client === "sdk" || client === "nats.go" || client === "sdkMessage"

/** A publisher and a subscriber; undefined where one of them is Go and Go is absent. */
export const make = (
  name: string,
  options: {
    readonly url: string
    readonly size: number
    readonly publisher: Client
    readonly subscriber: Client
  }
): Effect.Effect<Side<Flow.Sample> | undefined, BenchFailed, GoPeer | Scope.Scope> => {
  const route: Route = { url: options.url, size: options.size, channel: name.replaceAll(/[^a-zA-Z0-9]+/g, "-") }
  const side = Flow.side(name, {
    subscriber: worker("subscribe", options.subscriber, route),
    publisher: worker("publish", options.publisher, route)
  })
  return isGo(options.publisher) || isGo(options.subscriber) ? Worker.whenGo(side) : side
}
