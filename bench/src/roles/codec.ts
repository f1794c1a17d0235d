/** The two codecs of `TransportMessage`, one payload in a message, in a loop. */
import { create, fromBinary, toBinary } from "@bufbuild/protobuf"
import { TransportCodec, TransportMessageSchema } from "@kps/idl"
import { Effect, Result, Schema } from "effect"
import * as Role from "../engine/Role.ts"

const Parameters = Schema.Struct({
  codec: Schema.Literals(["generated", "hand"]),
  direction: Schema.Literals(["encode", "decode"]),
  size: Schema.Int
})

// the messages differ, or the compiler would see that one is enough
const count = 256

Role.main(Parameters, ({ codec, direction, size }) => {
  const payloads = Array.from({ length: count }, (_, i) => new Uint8Array(size).fill(i))
  const timestamps = Array.from({ length: count }, (_, i) => 1_700_000_000_000_000_000n + BigInt(i))
  const frames = payloads.map((payload, i) => TransportCodec.encode(timestamps[i]!, [payload]))
  const lists = payloads.map((payload) => [payload])
  // the generated codec is given its message ready made: what making it costs is not counted
  const messages = payloads.map((payload, i) =>
    create(TransportMessageSchema, { timestamp: timestamps[i]!, payload: [payload] })
  )
  const once = {
    encode: {
      generated: (i: number) => toBinary(TransportMessageSchema, messages[i]!).length,
      hand: (i: number) => TransportCodec.encode(timestamps[i]!, lists[i]!).length
    },
    decode: {
      generated: (i: number) => fromBinary(TransportMessageSchema, frames[i]!).payload.length,
      hand: (i: number) => Result.getOrThrow(TransportCodec.decode(frames[i]!)).payloads.length
    }
  }[direction][codec]
  const right = direction === "encode" ? frames[0]!.length : 1
  return Effect.succeed({
    work: ({ millis = 0 }) =>
      Effect.sync(() => {
        const startedNanos = Role.monotonicNanos()
        let done = 0
        let sum = 0
        do {
          for (let i = 0; i < count; i++) sum += once(i)
          done += count
        } while (Role.monotonicNanos() - startedNanos < millis * 1e6)
        return { perSecond: done / ((Role.monotonicNanos() - startedNanos) / 1e9), right: sum === done * right }
      })
  })
})
