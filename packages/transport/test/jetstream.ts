/** What the tests of JetStream share: transports of the test's own, what is stored as another client sees it, a proxy. */
import { TransportCodec } from "@kps/idl"
import { Channel, JetStream, JetStreamTransport, Transport } from "@kps/transport"
import type { NatsServer } from "@kps/transport/testing/NatsServer"
import * as Proxy from "@kps/transport/testing/Proxy"
import { jetstreamManager } from "@nats-io/jetstream"
import { connect, type Msg, type NatsConnection } from "@nats-io/transport-node"
import { Context, Effect, References, Result } from "effect"
import { connected, until } from "./support.ts"

/** A transport of the test's own, connected, in the test's scope. */
export const jetStreamOf = (options: JetStreamTransport.Options) =>
  JetStreamTransport.make({ reconnectDelay: "50 millis", maxReconnectDelay: "200 millis", ...options }).pipe(
    Effect.map((context) => ({
      transport: Context.get(context, Transport.Transport),
      jetStream: Context.get(context, JetStream.JetStream)
    })),
    Effect.tap(({ transport }) => connected(transport)),
    Effect.provideService(References.MinimumLogLevel, "None")
  )

export const texts = (prefix: string, count: number, from = 0): ReadonlyArray<Channel.Message> =>
  Array.from({ length: count }, (_, i) => ({
    timestampNanos: 1n,
    payloads: [new TextEncoder().encode(`${prefix}${from + i}`)]
  }))

/** The same under ids of the caller's: `n0` and so on, and with positions when they are asked for. */
export const identified = (
  prefix: string,
  count: number,
  from = 0,
  positions = false
): ReadonlyArray<JetStream.PublishedMessage> =>
  texts(prefix, count, from).map(({ payloads, timestampNanos }, i) => ({
    payloads,
    timestampNanos,
    id: `n${from + i}`,
    position: positions ? `${from + i + 1}` : undefined
  }))

export const named = (prefix: string, count: number, from = 0) =>
  Array.from({ length: count }, (_, i) => `${prefix}${from + i}`)

export const textOf = ({ payloads }: Channel.Message) => payloads.map((bytes) => new TextDecoder().decode(bytes)).join()

/** Another client: what is on the server, without any of our code. */
export const onlooker = (server: NatsServer["Service"]) =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const client = await connect({ port: server.port, reconnect: false })
      const manager = await jetstreamManager(client, { timeout: 20_000 })
      const stored = async (stream: string) => {
        const { state } = await manager.streams.info(stream)
        const sequences = Array.from({ length: state.last_seq - state.first_seq + 1 }, (_, i) => state.first_seq + i)
        const all = await Promise.all(sequences.map((seq) => manager.streams.getMessage(stream, { seq })))
        return all.flatMap((message) => {
          if (message === null) return []
          const { header } = message
          const decoded = TransportCodec.decode(message.data)
          return [{
            sequence: message.seq,
            text: Result.isSuccess(decoded) && decoded.success.payloads.length > 0
              ? textOf(decoded.success)
              : message.string(),
            id: header.get("Nats-Msg-Id"),
            position: header.get("Kps-Position"),
            epoch: header.get("Kps-Epoch")
          }]
        })
      }
      return {
        client,
        manager,
        /** Every stored message, oldest first. */
        stored: (stream: string) => Effect.promise(() => stored(stream)),
        textsIn: (stream: string) => Effect.promise(async () => (await stored(stream)).map(({ text }) => text)),
        lastSequence: (stream: string) =>
          Effect.promise(async () => (await manager.streams.info(stream)).state.last_seq),
        /** Also when the server, having done it, finds that the folder was written to meanwhile. */
        deleteConsumer: (stream: string, name: string) =>
          Effect.promise(() =>
            manager.consumers.delete(stream, name).catch((error: unknown) => {
              if (!String(error).includes("directory not empty")) throw error
            })
          ),
        publish: (subject: string, text: string) =>
          Effect.promise(async () => {
            client.publish(subject, TransportCodec.encode(1n, [new TextEncoder().encode(text)]))
            await client.flush()
          })
      }
    }),
    ({ client }) => Effect.promise(() => client.close())
  )

/** Of the answers of JetStream to those behind the proxy only the ones come through that are given, when they are. */
export const answersOf = Effect.fnUntraced(function*(client: NatsConnection, proxy: Proxy.Proxy) {
  const answers = new Map<number, Msg>()
  // refusals, which stored nothing
  const given = new Set([0])
  const sequenceIn = (body: string) => Number(/"seq": ?(\d+)/.exec(body)?.[1])
  let isOpen = false
  yield* proxy.drop((_, body) => !isOpen && !Number.isNaN(sequenceIn(body)) && !given.has(sequenceIn(body)))
  client.subscribe("_INBOX.>", { callback: (_, answer) => void answers.set(sequenceIn(answer.string()), answer) })
  yield* Effect.promise(() => client.flush())
  return {
    /** Waits for the one of the message with this sequence. */
    of: (sequence: number) =>
      Effect.andThen(
        until(`the answer for ${sequence}`, Effect.sync(() => answers.has(sequence))),
        Effect.sync(() => answers.get(sequence)!)
      ),
    give: ({ data, subject }: Msg) => {
      given.add(sequenceIn(new TextDecoder().decode(data)))
      client.publish(subject, data)
    },
    giveAll: Effect.sync(() => {
      isOpen = true
    })
  }
})

/** A proxy before a server. */
export const proxyOf = (server: NatsServer["Service"]) => Proxy.make(`127.0.0.1:${server.port}`, { frames: true })
