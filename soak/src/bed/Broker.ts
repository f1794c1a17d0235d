/** The pipelines' broker, and a look at what is stored on it with a client that is not ours. */
import { TransportCodec } from "@kps/idl"
import * as NatsServer from "@kps/transport/testing/NatsServer"
import { jetstream, JetStreamApiError, jetstreamManager } from "@nats-io/jetstream"
import { connect, type NatsConnection } from "@nats-io/transport-node"
import { Effect, Result, Schedule, type Scope } from "effect"
import * as Book from "../connector/Book.ts"

export interface Stored {
  readonly sequence: number
  /** The numbers of the records in it. */
  readonly numbers: ReadonlyArray<number>
  readonly epoch: string
}

export interface Broker {
  readonly server: NatsServer.NatsServer["Service"]
  /** Every message that is stored of a channel, oldest first; none where there is no stream of it. */
  readonly stored: (channel: string) => Effect.Effect<ReadonlyArray<Stored>>
}

/** The transport's own name of the stream of a channel that needs no escapes. */
export const streamOf = (channel: string): string => `KPS_${channel.replaceAll(".", "_")}`

const streamNotFound = 10_059

const read = async (client: NatsConnection, channel: string): Promise<ReadonlyArray<Stored>> => {
  const manager = await jetstreamManager(client, { timeout: 20_000 })
  const info = await manager.streams.info(streamOf(channel)).catch((error: unknown) => {
    if (error instanceof JetStreamApiError && error.code === streamNotFound) return undefined
    throw error
  })
  if (info === undefined || info.state.messages === 0) return []
  const found: Array<Stored> = []
  const consumer = await jetstream(client).consumers.get(streamOf(channel))
  const messages = await consumer.consume({ max_messages: 1_000 })
  for await (const message of messages) {
    const decoded = TransportCodec.decode(message.data)
    found.push({
      sequence: message.seq,
      numbers: Result.isSuccess(decoded) ? decoded.success.payloads.map(Book.numberOf) : [Number.NaN],
      epoch: message.headers?.get("Kps-Epoch") ?? ""
    })
    if (message.seq >= info.state.last_seq) break
  }
  await messages.close()
  return found
}

const patience = { schedule: Schedule.spaced("200 millis"), times: 50 }

export const make = Effect.fnUntraced(function*(): Effect.fn.Return<
  Broker,
  NatsServer.NatsServerError,
  Scope.Scope
> {
  const server = yield* NatsServer.make({ jetstream: true })
  return {
    server,
    stored: (channel) =>
      Effect.acquireUseRelease(
        // a new one for each look: the server comes and goes
        Effect.promise(() => connect({ port: server.port, reconnect: true, waitOnFirstConnect: true })),
        // a server that has just come back answers a moment later
        (client) => Effect.orDie(Effect.retry(Effect.tryPromise(() => read(client, channel)), patience)),
        (client) => Effect.promise(() => client.close())
      )
  }
})
