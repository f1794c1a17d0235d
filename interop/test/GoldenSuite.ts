import { assert, type Vitest } from "@effect/vitest"
import { Effect } from "effect"
import * as GoldenVectors from "./GoldenVectors.ts"
import * as Peer from "./Peer.ts"

/** Registers that the golden files are what the Go SDK makes, so that a stale one is seen. */
export const suite = (it: Vitest.MethodsNonLive<Peer.Peer>): void => {
  for (const [command, file] of [["vectors", "contract.json"], ["descriptor", "descriptor.json"]] as const) {
    it.effect(`${file} is what it makes now`, () =>
      Effect.gen(function*() {
        const peer = yield* Peer.Peer
        const running = yield* peer.start([command])
        const { status, stderr, stdout } = yield* running.ended

        assert.strictEqual(stderr, "")
        assert.strictEqual(status, 0)
        assert.isTrue(stdout === GoldenVectors.read(file), `interop/vectors/${file} is another: see interop/README.md`)
      }))
  }
}
