import { assert, describe, it } from "@effect/vitest"
import { Transport } from "@kps/transport"
import { Effect, Exit } from "effect"
import * as StreamTransport from "../src/StreamTransport.ts"
import { bytes, channel, collect, settle } from "./streams.ts"

describe("StreamTransport", () => {
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
