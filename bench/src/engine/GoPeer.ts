/** The Go program in `bench/go`: the original SDK, nats.go and grpc-go, as the other side. Built once for a run. */
import { Context, Effect, Layer, Scope } from "effect"
import { fileURLToPath } from "node:url"
import * as Toolchain from "../../../interop/test/Toolchain.ts"
import { BenchFailed } from "./BenchFailed.ts"

type Program = { readonly binary: string } | { readonly absent: string }

/** The program, or why there is none; built when it is first asked for. */
export class GoPeer extends Context.Service<GoPeer, Effect.Effect<Program, BenchFailed>>()(
  "bench/GoPeer"
) {}

// from the bundle, dist/main.js
const folder = fileURLToPath(new URL("../go", import.meta.url))

/** Where Go is not there the peer is absent; where it is and the program does not build, that is a failure. */
export const layer: Layer.Layer<GoPeer> = Layer.effect(
  GoPeer,
  Effect.gen(function*() {
    const scope = yield* Effect.scope
    const absent = Toolchain.skipReason()
    return yield* Effect.cached<Program, BenchFailed, never>(
      absent !== undefined
        ? Effect.succeed({ absent })
        : Toolchain.build(folder).pipe(
          Effect.timeout(Toolchain.buildTimeout),
          Effect.mapBoth({
            onFailure: (error) => new BenchFailed({ problem: error.message }),
            onSuccess: (binary) => ({ binary })
          }),
          Scope.provide(scope)
        )
    )
  })
)
