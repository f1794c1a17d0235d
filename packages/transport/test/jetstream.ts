/** What the tests of JetStream share: transports of the test's own, what is stored as another client sees it, a proxy. */
import { TransportCodec } from "@kps/idl"
import { Channel, JetStream, JetStreamTransport, Transport } from "@kps/transport"
import type { NatsServer } from "@kps/transport/testing/NatsServer"
import { jetstreamManager } from "@nats-io/jetstream"
import { connect } from "@nats-io/transport-node"
import { Context, Effect, References, Result } from "effect"
import { type AddressInfo, connect as dial, createServer, type Server, type Socket } from "node:net"

/** A transport of the test's own, in the test's scope. */
export const jetStreamOf = (options: JetStreamTransport.Options) =>
  JetStreamTransport.make({ reconnectDelay: "50 millis", maxReconnectDelay: "200 millis", ...options }).pipe(
    Effect.map((context) => ({
      transport: Context.get(context, Transport.Transport),
      jetStream: Context.get(context, JetStream.JetStream)
    })),
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
        publish: (subject: string, text: string) =>
          Effect.promise(async () => {
            client.publish(subject, TransportCodec.encode(1n, [new TextEncoder().encode(text)]))
            await client.flush()
          })
      }
    }),
    ({ client }) => Effect.promise(() => client.close())
  )

/** Says which of the server's messages do not reach the client. */
type Drops = (subject: string, body: string) => boolean

/** Cuts what a server sends into its frames, and leaves some out. */
const filtering = (drops: () => Drops | undefined, write: (bytes: Buffer) => void) => {
  let rest = Buffer.alloc(0)
  return (chunk: Buffer) => {
    rest = Buffer.concat([rest, chunk])
    while (true) {
      const line = rest.indexOf("\r\n")
      if (line < 0) return
      const words = rest.subarray(0, line).toString().split(" ")
      const isMessage = words[0] === "MSG" || words[0] === "HMSG"
      const end = line + 2 + (isMessage ? Number(words.at(-1)) + 2 : 0)
      if (rest.length < end) return
      const frame = rest.subarray(0, end)
      rest = rest.subarray(end)
      if (!isMessage || drops()?.(words[1] ?? "", frame.subarray(line + 2).toString()) !== true) write(frame)
    }
  }
}

/** A proxy before a server that can hold what flows, cut connections, and drop messages of the server. */
export const proxyOf = (server: NatsServer["Service"]) =>
  Effect.gen(function*() {
    const pairs = new Set<readonly [Socket, Socket]>()
    let drops: Drops | undefined
    let held: "nothing" | "answers" | "everything" = "nothing"
    const late: Array<() => void> = []
    const listener = yield* Effect.acquireRelease(
      Effect.callback<Server>((resume) => {
        const listener = createServer((near) => {
          const far = dial(server.port, "127.0.0.1")
          const pair = [near, far] as const
          pairs.add(pair)
          const close = () => {
            pairs.delete(pair)
            near.destroy()
            far.destroy()
          }
          for (const socket of pair) socket.setNoDelay(true).on("error", () => undefined).on("close", close)
          const pass = (to: Socket, isHeld: () => boolean) => (bytes: Buffer) => {
            const write = () => void (to.writable && to.write(bytes))
            if (isHeld()) late.push(write)
            else write()
          }
          near.on("data", pass(far, () => held === "everything"))
          far.on("data", filtering(() => drops, pass(near, () => held !== "nothing")))
        })
        listener.listen(0, "127.0.0.1", () => resume(Effect.succeed(listener)))
      }),
      (listener) =>
        Effect.sync(() => {
          listener.close()
          for (const pair of pairs) for (const socket of pair) socket.destroy()
        })
    )
    const { port } = listener.address() as AddressInfo // it listens on TCP
    return {
      url: `nats://127.0.0.1:${port}`,
      /** Messages of the server for which this is true do not come through. */
      drop: (filter: Drops | undefined) => Effect.sync(() => void (drops = filter)),
      /** Keeps connections open, and holds what the server sends, or what either sends. */
      hold: (what: "answers" | "everything") => Effect.sync(() => void (held = what)),
      /** Lets everything through again, and what waited first. */
      release: Effect.sync(() => {
        held = "nothing"
        for (const write of late.splice(0)) write()
      }),
      /** Lets everything through again, but for what waited. */
      forget: Effect.sync(() => {
        held = "nothing"
        late.length = 0
      }),
      cut: Effect.sync(() => {
        for (const pair of pairs) for (const socket of pair) socket.destroy()
      })
    }
  })
