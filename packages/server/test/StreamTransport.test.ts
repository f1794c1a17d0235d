import { assert, describe, it } from "@effect/vitest"
import { Transport, TransportError } from "@kps/transport"
import { Effect, Exit, Stream } from "effect"
import * as StreamTransport from "../src/StreamTransport.ts"
import { bytes, channel, collect, settle } from "./streams.ts"

describe("StreamTransport", () => {
  it.effect("hears of the connection when it is lost, for another reason, and found, and of nothing else", () => {
    const disconnected = (message: string, since: number): Transport.ConnectionStatus => ({
      _tag: "Disconnected",
      since,
      cause: new TransportError.TransportError({
        reason: new TransportError.ConnectionFailed({ servers: ["a"], cause: new Error(message) })
      })
    })
    const connected: Transport.ConnectionStatus = {
      _tag: "Connected",
      server: "a",
      since: 0,
      maxPayloadBytes: 1,
      dataPath: "memory"
    }
    return Effect.gen(function*() {
      const transport = yield* Transport.Transport
      const heard: Array<string | undefined> = []
      const statusChanges = Stream.make(
        connected,
        disconnected("x", 1),
        disconnected("x", 2),
        disconnected("y", 3),
        connected,
        { ...connected, since: 4 }
      )
      yield* StreamTransport.watch(
        { ...transport, statusChanges },
        (lost) => Effect.sync(() => void heard.push(lost?.message))
      )
      yield* settle
      assert.deepStrictEqual(heard, ["cannot connect to a: x", "cannot connect to a: y", undefined])
    }).pipe(Effect.provide(Transport.layerMemory))
  })

  it.effect("publishes, confirms and subscribes no more once it is revoked", () =>
    Effect.gen(function*() {
      const transport = yield* Transport.Transport
      const connection = yield* StreamTransport.watch(transport, () => Effect.void)
      const seen = yield* collect("ch")
      const handle = new StreamTransport.StreamTransport(connection, channel("ch"))
      const message = { payloads: [bytes("a")], timestampNanos: 0n }
      yield* handle.publishAll([message])
      yield* handle.publishConfirmed([message])
      yield* settle
      assert.strictEqual(seen.length, 2)

      yield* handle.revoke
      const tries = [
        handle.publishAll([message]),
        handle.publishConfirmed([message]),
        handle.flush,
        Effect.scoped(handle.subscription({}))
      ]
      for (const one of tries) assert.isTrue(Exit.hasInterrupts(yield* Effect.exit(one)))
      yield* settle
      assert.strictEqual(seen.length, 2)
      assert.isTrue(handle.revoked)
    }).pipe(Effect.provide(Transport.layerMemory)))
})
