import { Events } from "@kps/events"
import * as TransportTest from "@kps/transport/testing/TransportTest"
import { Context, Effect, Layer, References } from "effect"
import { DesiredState } from "../../src/DesiredState.ts"
import * as Options from "../../src/Options.ts"
import * as RunningStreams from "../../src/RunningStreams.ts"
import * as Serving from "../../src/Serving.ts"
import type { FakeStreams } from "./FakeStreams.ts"
import { GrpcCaller } from "./GrpcCaller.ts"
import { Sample, sampleLayer } from "./SampleConnector.ts"

export interface TestOptions extends Partial<Options.Options> {
  /** A double in place of the real supervision. */
  readonly fake?: FakeStreams
  /** The platform's broker is away at first. */
  readonly brokerAway?: boolean
  readonly discover?: Parameters<typeof sampleLayer>[0]
  /** A registry in place of the real one. */
  readonly events?: Partial<Events.Events["Service"]>
  /** Where it is kept what the platform asks for. Default: in the server itself. */
  readonly desired?: DesiredState["Service"]
}

/** The sample connector as "c-1" on a free port of the loopback, in this scope, and a caller with its own connection. */
export const serve = (options: TestOptions = {}) =>
  // Nothing of a passing test belongs on its output.
  Effect.provideService(start(options), References.MinimumLogLevel, "None")

const start = Effect.fnUntraced(function*(options: TestOptions) {
  const { brokerAway = false, desired, discover, events, fake, ...given } = options
  const registry = events === undefined
    ? Events.layer
    : Layer.effect(Events.Events, Effect.map(Events.make(), (real) => ({ ...real, ...events })))
  const base = yield* Layer.build(
    (fake?.layer ?? RunningStreams.layer(Sample, { stopTimeout: given.stopTimeout ?? "5 seconds" })).pipe(
      Layer.provideMerge(Layer.mergeAll(
        registry,
        TransportTest.layer,
        sampleLayer(discover),
        desired === undefined ? Layer.empty : Layer.succeed(DesiredState, desired)
      ))
    )
  )
  const broker = Context.get(base, TransportTest.TransportTest)
  if (brokerAway) yield* broker.disconnect
  const served = yield* Serving.listen(
    Sample,
    Options.resolve({ connectorId: "c-1", host: "127.0.0.1", port: 0, ...given })
  ).pipe(Effect.provideContext(base), Effect.orDie)
  const caller = yield* GrpcCaller.make(served.port)
  return { ...served, caller, broker }
})
