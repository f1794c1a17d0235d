/**
 * Counts what calls hold in memory: requests that are being read, replies that are being sent.
 *
 * @since 0.1.0
 */
import { Code, ConnectError } from "@connectrpc/connect"
import * as http2 from "node:http2"
import { limits } from "./Http2Limits.ts"

type Body = AsyncIterable<Uint8Array>

/**
 * What one call counts through: its request and its reply.
 *
 * @category models
 * @since 0.1.0
 */
export interface Account {
  readonly request: (body: Body) => Body
  readonly reply: (body: Body) => Body
  /** Counts bytes that were read, or are sent. Throws where there are too many; those are held all the same. */
  readonly hold: (byteLength: number) => void
  /** The whole request was read, or it is read no further. */
  readonly hasRead: () => void
  /** The one reply is on its way. */
  readonly replies: () => void
}

/**
 * The accounts of all calls of a server.
 *
 * @category models
 * @since 0.1.0
 */
export interface HeldBytes {
  /** Opens the account of one call, which ends with it, and says of what there is one alone: it must come, or go, soon. */
  readonly open: (
    stream: http2.ServerHttp2Stream,
    one: { readonly request: boolean; readonly reply: boolean }
  ) => Account
  /** Resets every call whose request or reply takes too long; to be called every `sweepMillis`. */
  readonly sweep: () => void
  /** How many bytes are held now. */
  readonly total: () => number
}

interface Entry {
  bytes: number
  /** Since when its one request is coming, or its one reply going. */
  movingSince: number | undefined
}

/**
 * Begins with none. `now` is in milliseconds.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (now: () => number): HeldBytes => {
  const entries = new Map<http2.ServerHttp2Stream, Entry>()
  let total = 0

  return {
    open: (stream, one) => {
      const entry: Entry = { bytes: 0, movingSince: one.request ? now() : undefined }
      entries.set(stream, entry)
      stream.once("close", () => {
        entries.delete(stream)
        total -= entry.bytes
      })
      const hold = (byteLength: number) => {
        if (!entries.has(stream)) return
        entry.bytes += byteLength
        total += byteLength
        if (total > limits.heldBytes && entry.bytes > limits.smallBytes) {
          throw new ConnectError("too much is sent and received at once", Code.ResourceExhausted)
        }
      }
      const hasRead = () => {
        entry.movingSince = undefined
      }
      const replies = () => {
        entry.movingSince = now()
      }
      return {
        hold,
        hasRead,
        replies,
        request: async function*(body) {
          for await (const chunk of body) {
            hold(chunk.byteLength)
            yield chunk
          }
          hasRead()
        },
        reply: async function*(body) {
          hasRead()
          for await (const chunk of body) {
            hold(chunk.byteLength)
            if (one.reply) replies()
            yield chunk
          }
        }
      }
    },
    sweep: () => {
      const late = now() - limits.transferMillis
      for (const [stream, { movingSince }] of entries) {
        if (movingSince !== undefined && movingSince < late) reset(stream)
      }
    },
    total: () => total
  }
}

/** At once, also where its reply waits to be read. */
const reset = (stream: http2.ServerHttp2Stream): void => {
  stream.close(http2.constants.NGHTTP2_ENHANCE_YOUR_CALM)
  stream.destroy()
}
