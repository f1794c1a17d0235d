import type { Channel } from "@kps/transport"
import * as NatsServer from "@kps/transport/testing/NatsServer"
import { Effect, Schema } from "effect"
import * as Peer from "./Peer.ts"

const Progress = Schema.Struct({ payloads: Schema.Int })

/** A subscriber of the peer that the broker knows. */
export const subscriber = Effect.fnUntraced(function*(channel: Channel.ChannelName, client: "sdk" | "raw") {
  const { url } = yield* NatsServer.NatsServer
  const peer = yield* Peer.Peer
  const running = yield* peer.start(["subscribe", "-channel", channel, "-client", client], url)
  yield* running.next("ready", Schema.Struct({}))
  return {
    ...running,
    /** Waits until so many payloads came. */
    came: (payloads: number) =>
      Effect.gen(function*() {
        while ((yield* running.next("progress", Progress)).payloads < payloads);
      })
  }
})
