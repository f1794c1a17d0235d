import { assert, type Vitest } from "@effect/vitest"
import { Conformance, Description, type Result, WireSubject } from "@kps/testing"
import type { Transport } from "@kps/transport"
import * as NatsServer from "@kps/transport/testing/NatsServer"
import { Duration, Effect, Schema } from "effect"
import * as Peer from "./Peer.ts"

const id = "conform"

/** Streams of the peer are what was asked for; nothing flows. */
const description = Description.decode("the peer", {
  id,
  streams: {
    ingress: {
      working: { name: "{stream}" },
      unreachable: { name: "{stream}", refuse: { code: "UNAVAILABLE", message: "away" } }
    }
  },
  config: { default: {}, valid: [{ log_level: "WARN" }] },
  discovers: false,
  reflection: false
})

const patience = { within: Duration.seconds(2), forgotten: Duration.seconds(3) }

/**
 * The peer with the errors of the original. It says that its streams are subscribed, which the original does not: else
 * every case with a stream would end there.
 */
const results = Effect.gen(function*() {
  const { url } = yield* NatsServer.NatsServer
  const peer = yield* Peer.Peer
  const process = yield* peer.start(["serve", "-id", id, "-errors", "original", "-subscribed"])
  const { address: endpoint } = yield* process.next("listening", Schema.Struct({ address: Schema.String }))
  const subject = yield* WireSubject.make({ endpoint, nats: [url], description: yield* description, patience })
  return (yield* Conformance.run(subject, { seed: 1 })).results
}).pipe(Effect.scoped)

/** What came of a case that failed; the SDK gives events in another order each time. */
const cameOf = ({ id, verdict }: Result): ReadonlyArray<readonly [string, string]> =>
  verdict._tag === "Failed"
    ? [[id, verdict.got.replaceAll(/conform-\w+/g, "a stream").split(", ").toSorted().join(", ")]]
    : []

/** Registers what the conformance suite finds in a connector on the SDK's registry that does as the original does. */
export const suite = (it: Vitest.MethodsNonLive<Peer.Peer | Transport.Transport | NatsServer.NatsServer>): void => {
  it.effect("finds where a connector that does as the original breaks the contract", () =>
    Effect.gen(function*() {
      const all = yield* results
      const passed = all.filter(({ verdict }) => verdict._tag === "Passed").map(({ id }) => id)

      assert.deepStrictEqual(Object.fromEntries(all.flatMap(cameOf)), {
        C01: "bare gRPC UNKNOWN (wrong Connector id)",
        C02: "bare gRPC UNKNOWN (unknown payload kind)",
        C06: "no streams",
        C11: "OK",
        C12: "OK",
        C14: "bare gRPC UNKNOWN (away)",
        C22: "OK",
        C23: "bare gRPC UNKNOWN (unknown payload kind)",
        E25: "alert transportSubscribeFailed of a stream CRITICAL FAILED, status streamStarted of a stream PROVISIONED",
        E26: "none",
        M61: "bare gRPC UNKNOWN (away)",
        O52: "gRPC UNIMPLEMENTED: unknown service grpc.health.v1.Health"
      })
      assert.strictEqual(passed.join(" "), "C03 C04 C05 C07 C08 C09 C16 C20 E29")
    }), 120_000)
}
