/**
 * The suite as Vitest tests, for a connector within this process or anywhere.
 *
 * @since 0.1.0
 */
import { afterAll, beforeAll, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import type { Level } from "./Case.ts"
import * as Conformance from "./Conformance.ts"
import type { Result } from "./Result.ts"
import { Subject } from "./Subject.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /** Which cases are run. Default: "full". */
  readonly level?: Level
  /** What random choices come from. Default: `KPS_SEED`, or 1. */
  readonly seed?: number
  /** Cases that are not run, each with its reason. Default: none. */
  readonly skip?: Readonly<Record<string, string>>
  /** How long the layer may take to build, and to close. Default: 30 seconds. */
  readonly timeout?: Duration.Input
}

/** Everything that helps to find out why. */
const text = ({ expected, id, title, verdict }: Result, seed: number): string =>
  verdict._tag !== "Failed" ? id : [
    `${id} ${title}`,
    `  rule:     ${expected}`,
    `  expected: ${verdict.expected}`,
    `  got:      ${verdict.got}`,
    `  seed:     ${seed}`,
    ...verdict.steps.slice(-20).map(({ call, reply, request }) => `  ${call} ${JSON.stringify(request)} -> ${reply}`)
  ].join("\n")

/**
 * Registers one test for each case of the level.
 *
 * **Details**
 *
 * The layer is built once; the cases run one after another on what it gives, in real time. A case that the subject
 * cannot be asked is a skipped test, with the reason. `KPS_SEED` replays the random choices of another run.
 *
 * **Example** (Testing a connector)
 *
 * ```ts
 * ConnectorConformance.suite("my connector", Subject.layerWire({ endpoint, nats, description }))
 * ```
 *
 * @category testing
 * @since 0.1.0
 */
export const suite = <E>(name: string, layer: Layer.Layer<Subject, E>, options: Options = {}): void => {
  const { level = "full", skip = {} } = options
  const timeout = Duration.toMillis(Duration.fromInputUnsafe(options.timeout ?? "30 seconds"))
  describe(`connector conformance (${name})`, () => {
    const runtime = ManagedRuntime.make(layer)
    const given = Number(process.env["KPS_SEED"] ?? "1")
    const seed = options.seed ?? (Number.isSafeInteger(given) ? given : 1)
    let session: Conformance.Session | undefined

    beforeAll(async () => {
      session = await runtime.runPromise(Effect.flatMap(Subject, (subject) => Conformance.open(subject, { seed })))
    }, timeout)
    afterAll(async () => {
      if (session !== undefined) await runtime.runPromise(session.close)
      await runtime.dispose()
    }, timeout)

    for (const one of Conformance.select({ level })) {
      const reason = skip[one.id]
      const millis = Duration.toMillis(Duration.fromInputUnsafe(one.timeout ?? "20 seconds")) + 15_000
      it(`${one.id} ${one.title}`, async (context) => {
        if (reason !== undefined) return context.skip(reason)
        if (session === undefined) throw new Error("the layer was not built")
        const result = await runtime.runPromise(session.run(one), { signal: context.signal })
        if (result.verdict._tag === "Skipped") return context.skip(result.verdict.reason)
        if (result.verdict._tag === "Failed") throw new Error(text(result, seed))
      }, millis)
    }
  })
}
