/** The Go programs in `bench/go`, as the other side: each is built once for a run, when it is first asked for. */
import { Context, Effect, Layer, Scope } from "effect"
import { fileURLToPath } from "node:url"
import * as Toolchain from "../../../interop/test/Toolchain.ts"
import { BenchFailed } from "./BenchFailed.ts"

/** A program, or why there is none. */
export type Program = { readonly binary: string } | { readonly absent: string }

export class GoPeer extends Context.Service<GoPeer, {
  /** The original SDK with the versions of nats.go and grpc-go that it brings. */
  readonly sdk: Effect.Effect<Program, BenchFailed>
  /** nats.go and grpc-go at their latest. */
  readonly latest: Effect.Effect<Program, BenchFailed>
}>()("bench/GoPeer") {}

// from the bundle, dist/main.js
const folder = (path: string) => fileURLToPath(new URL(path, import.meta.url))

/** Where Go is not there the peers are absent; where it is and a program does not build, that is a failure. */
export const layer: Layer.Layer<GoPeer> = Layer.effect(
  GoPeer,
  Effect.gen(function*() {
    const scope = yield* Effect.scope
    const absent = Toolchain.skipReason()
    const program = (path: string) =>
      Effect.cached<Program, BenchFailed, never>(
        absent !== undefined
          ? Effect.succeed({ absent })
          : Toolchain.build(folder(path)).pipe(
            Effect.timeout(Toolchain.buildTimeout),
            Effect.mapBoth({
              onFailure: (error) => new BenchFailed({ problem: error.message }),
              onSuccess: (binary) => ({ binary })
            }),
            Scope.provide(scope)
          )
      )
    return { sdk: yield* program("../go/sdk"), latest: yield* program("../go") }
  })
)
