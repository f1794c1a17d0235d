import { assert, type Vitest } from "@effect/vitest"
import { Channel, Transport } from "@kps/transport"
import * as NatsServer from "@kps/transport/testing/NatsServer"
import { Effect, Schedule } from "effect"
import { id, serve } from "./GoCaller.ts"
import * as Peer from "./Peer.ts"
import { subscriber } from "./Subscriber.ts"
import * as Tally from "./Tally.ts"

const many = 1_000
const inward = Channel.ChannelName.make("flow.in")
const outward = Channel.ChannelName.make("flow.out")

/** Registers what flows when a Go caller sets the streams and the Go SDK is at the other end of their channels. */
export const suite = (it: Vitest.MethodsNonLive<Peer.Peer | Transport.Transport | NatsServer.NatsServer>): void => {
  it.effect(
    "carries payloads between the Go SDK and a connector of ours whose streams a Go caller set",
    () =>
      Effect.gen(function*() {
        const { url } = yield* NatsServer.NatsServer
        const peer = yield* Peer.Peer
        const delivered = Tally.make()
        const { call } = yield* serve({ transport: yield* Transport.Transport, delivered })
        const received = yield* subscriber(inward, "sdk")
        const set = yield* call({
          rpc: "SetPayload",
          request: {
            connectorId: id,
            payloads: [
              {
                stream: {
                  id: "in",
                  direction: "STREAM_DIRECTION_INGRESS",
                  transportChannel: inward,
                  metadata: { subject: "a", count: many }
                }
              },
              {
                stream: {
                  id: "out",
                  direction: "STREAM_DIRECTION_EGRESS",
                  transportChannel: outward,
                  metadata: { subject: "a" }
                }
              }
            ]
          }
        })
        assert.deepStrictEqual(set, { response: { status: { code: "RESPONSE_CODE_OK" } } })

        yield* received.came(many)
        yield* received.endInput
        assert.deepStrictEqual(yield* received.next("received", Tally.Report), Tally.reportOf(many, [16]))

        const publisher = yield* peer.start(
          ["publish", "-channel", outward, "-client", "sdk", "-count", `${many}`, "-sizes", "0,16"],
          url
        )
        const published = yield* publisher.next("published", Tally.Report)
        yield* Effect.sync(delivered.count).pipe(
          Effect.repeat({ until: (count) => count >= many, schedule: Schedule.spaced("5 millis") }),
          Effect.timeout("20 seconds"),
          Effect.ignore
        )
        assert.deepStrictEqual(delivered.report(), published)
      }),
    60_000
  )
}
