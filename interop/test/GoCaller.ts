/** A connector of ours over gRPC, and a grpc-go client that calls it. */
import type { JsonObject } from "@bufbuild/protobuf"
import { Events } from "@kps/events"
import { ConnectorServer } from "@kps/server"
import { Transport } from "@kps/transport"
import { Context, Effect, Layer, Logger, Schema } from "effect"
import * as FakeConnector from "./FakeConnector.ts"
import * as Peer from "./Peer.ts"
import * as Tally from "./Tally.ts"

/** The id of the connector instance. */
export const id = "c-1"

/** One call, as `go/call.go` reads it. */
export interface Task {
  /** Name of a method of the contract, or the full path of any other. */
  readonly rpc: string
  /** The request in its JSON form. */
  readonly request?: JsonObject
  /** Bytes that need not be a request, instead of one. */
  readonly hex?: string
  /** How long the caller waits. Default: 30 seconds. */
  readonly timeoutMs?: number
}

const Answer = Schema.Struct({
  response: Schema.optionalKey(Schema.MutableJson),
  grpc: Schema.optionalKey(Schema.Struct({
    code: Schema.String,
    number: Schema.Int,
    message: Schema.String,
    details: Schema.Array(Schema.MutableJson)
  }))
})

/** What a Go caller has in its hands after a call: the response in its JSON form, or the gRPC status. */
export type Answer = typeof Answer.Type

export interface Options {
  readonly errors?: ConnectorServer.Options["errors"]
  /** Default: one in memory. */
  readonly transport?: Transport.Transport["Service"]
  /** What egress streams deliver is added to it. Default: nobody looks. */
  readonly delivered?: Tally.Tally
}

/** Serves the connector until the scope closes, and gives the way to call it. */
export const serve = Effect.fnUntraced(function*(options: Options = {}) {
  const { delivered = Tally.make(), errors = "inBand", transport } = options
  const server = yield* Layer.build(
    ConnectorServer.layer(FakeConnector.FakeConnector, { connectorId: id, host: "127.0.0.1", port: 0, errors }).pipe(
      Layer.provide([
        FakeConnector.layer(delivered),
        Events.layer,
        transport === undefined ? Transport.layerMemory : Layer.succeed(Transport.Transport, transport)
      ]),
      Layer.provide(Logger.layer([]))
    )
  )
  const { port } = Context.get(server, ConnectorServer.ConnectorServer)
  const peer = yield* Peer.Peer
  const client = yield* peer.start(["call", "-address", `127.0.0.1:${port}`])
  return {
    call: (task: Task) => Effect.andThen(client.write(task), client.next("answer", Answer))
  }
})
