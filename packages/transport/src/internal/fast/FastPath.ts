/**
 * The fast data path: frames written and read here, on the client's connection, beside everything else that the client
 * does on it.
 *
 * All that it touches of the client are three things: bytes that the client sends pass by here, so that they keep their
 * place among ours; bytes that come are read here first; and the client's counts go on counting.
 */
import type { NatsConnection } from "@nats-io/transport-node"
import * as Result from "effect/Result"
import type { DataPath } from "../DataPath.ts"
import { ChunkParser } from "./ChunkParser.ts"
import * as internals from "./internals.ts"
import { SlabWriter } from "./SlabWriter.ts"

/**
 * Installs it on a connection that has just been made, or says why not. `onFailure` is told when the server sends what is
 * no NATS, or a callback of the client's throws: the connection is of no use then, and nothing more is read. `onRoom` is
 * told when the path that was full is no more.
 */
export const install = (
  client: NatsConnection,
  { onFailure, onRoom }: { readonly onFailure: (cause: unknown) => void; readonly onRoom: () => void }
): Result.Result<DataPath, string> =>
  Result.map(internals.of(client), (protocol) => {
    const { parser, transport } = protocol
    const writer = new SlabWriter(transport.socket, onRoom)
    const send = transport.send.bind(transport)
    transport.send = (bytes) => {
      if (writer.append(bytes)) return
      writer.flush()
      send(bytes)
    }
    const parse = parser.parse.bind(parser)
    const chunks = new ChunkParser({
      parse,
      get state() {
        return parser.state
      }
    }, protocol)
    let failed = false
    parser.parse = (chunk) => {
      if (failed) return
      try {
        chunks.parse(chunk)
      } catch (cause) {
        failed = true
        onFailure(cause)
      }
    }

    return {
      name: "fast",
      isFull: () => writer.isFull,
      publish: (channel, timestamp, payloads, byteLength) => {
        // what the client was given before goes before
        if (protocol.outbound.byteLength > 0) protocol.flushPending()
        writer.publish(channel, timestamp, payloads, byteLength)
        protocol.outMsgs++
        protocol.outBytes += byteLength
      },
      publishHeaded: (channel, reply, headers, body) => {
        if (protocol.outbound.byteLength > 0) protocol.flushPending()
        protocol.outMsgs++
        protocol.outBytes += writer.publishHeaded(channel, reply, headers, body)
      },
      publishText: (subject, text) => {
        if (protocol.outbound.byteLength > 0) protocol.flushPending()
        writer.publishText(subject, text)
        protocol.outMsgs++
        protocol.outBytes += text.length
      },
      feed: (subscription, taker) => {
        const sid = subscription.getID()
        chunks.feed(sid, taker)
        void subscription.closed.then(() => chunks.stop(sid))
      },
      close: () => writer.close()
    }
  })
