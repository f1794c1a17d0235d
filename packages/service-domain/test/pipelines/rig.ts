/** What tests of pipelines have in common. */
import { Channel, Transport, type TransportError } from "@kps/transport"
import { Effect, type Scope, Stream } from "effect"
import { spawnSync } from "node:child_process"
import type { FunctionDescription } from "../../src/functions/FunctionDescription.ts"
import * as Pipeline from "../../src/pipelines/Pipeline.ts"
import type { PipelineDescription } from "../../src/pipelines/PipelineDescription.ts"
import type { AlertName, PipelineReport } from "../../src/pipelines/PipelineReport.ts"

export const channel = (name: string) => Channel.ChannelName.make(name)

const encoder = new TextEncoder()
const decoder = new TextDecoder()

/** Why tests of Python functions are skipped here; undefined where they are not. */
export const noPython = spawnSync("python3", ["--version"]).status === 0 ? undefined : "no python3 on PATH"

export const withPython = (name: string) => (noPython === undefined ? name : `${name} (skipped: ${noPython})`)

export const js = (code: string, over: Partial<FunctionDescription> = {}): FunctionDescription => ({
  id: "js",
  name: "js",
  language: "node",
  code,
  params: {},
  ...over
})

export const python = (code: string, over: Partial<FunctionDescription> = {}): FunctionDescription => ({
  ...js(code),
  id: "python",
  name: "python",
  language: "python",
  ...over
})

export const describePipeline = (over: Partial<PipelineDescription> = {}): PipelineDescription => ({
  id: "p",
  name: "p",
  inputs: [{ channel: channel("in"), topic: "source", selectors: {} }],
  functions: [],
  outputs: [channel("out")],
  ...over
})

/** Publishes each text as a message of its own. */
export const publish = (
  name: string,
  texts: ReadonlyArray<string>,
  timestampNanos = 1n
): Effect.Effect<void, TransportError.TransportError, Transport.Transport> =>
  Effect.gen(function*() {
    const transport = yield* Transport.Transport
    const messages = texts.map((text) => ({ payloads: [encoder.encode(text)], timestampNanos }))
    yield* transport.publishConfirmed(channel(name), messages)
  })

/** What comes on a channel from now on, as text. */
export const collect = (
  name: string
): Effect.Effect<Effect.Effect<ReadonlyArray<string>>, unknown, Transport.Transport | Scope.Scope> =>
  Effect.map(
    Effect.tap(
      Effect.map(
        Effect.flatMap(Transport.Transport, (transport) => transport.subscription(channel(name))),
        (messages) => ({ messages, texts: new Array<string>() })
      ),
      ({ messages, texts }) =>
        Effect.forkScoped(Stream.runForEach(messages, ({ payloads }) =>
          Effect.sync(() => {
            for (const payload of payloads) texts.push(decoder.decode(payload))
          })))
    ),
    ({ texts }) => Effect.sync(() => [...texts])
  )

/** Asks until the answer fits, at most 30 seconds; fails with the last answer. */
export const until = <A, E, R>(ask: Effect.Effect<A, E, R>, fits: (answer: A) => boolean) =>
  Effect.gen(function*() {
    for (let n = 0; n < 3_000; n++) {
      const answer = yield* ask
      if (fits(answer)) return answer
      // also where the test has the clock
      yield* Effect.promise(() => new Promise((resolve) => setTimeout(resolve, 10)))
    }
    return yield* Effect.die(new Error(`still ${JSON.stringify(yield* ask)}`))
  })

/** Starts a pipeline and waits until it runs. */
export const start = (description: Partial<PipelineDescription>, options: Pipeline.Options = {}) =>
  Effect.tap(Pipeline.run(describePipeline(description), options), ({ running }) => running)

export const alertOf = ({ alerts }: PipelineReport, name: AlertName) => alerts.find((alert) => alert.name === name)
