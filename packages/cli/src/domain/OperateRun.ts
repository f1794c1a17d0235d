/**
 * What `kps logs`, `kps tap` and `kps top` do. Loaded when one of them is asked for.
 *
 * @since 0.1.0
 */
import type { OperatorViews } from "@kps/service-domain"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stdio from "effect/Stdio"
import * as Stream from "effect/Stream"
import * as Output from "../Output.ts"
import { Domain, layer } from "./Domain.ts"
import * as Names from "./Names.ts"
import type { Target } from "./TargetFlags.ts"
import * as TopView from "./TopView.ts"

interface Named {
  readonly what: "instance" | "pipeline" | "stream"
  readonly id: string
  readonly name: string
}

const named = <W extends Named["what"]>(
  what: W,
  documents: ReadonlyArray<{ readonly id?: string; readonly name: string }>
) => documents.map(({ id = "", name }) => ({ what, id, name }))

const time = (millis: number) => new Date(millis).toISOString().slice(11, 23)

/**
 * Prints what an instance's connector, or the functions of a pipeline, have written.
 *
 * @category running
 * @since 0.1.0
 */
export const logs = Effect.fnUntraced(
  function*(name: string, options: {
    readonly func: Option.Option<string>
    readonly follow: boolean
    readonly output: Output.Format
    readonly target: Target
  }) {
    const { documents, follow: followed } = yield* Domain
    const pipelines = named("pipeline", yield* documents.dataPipeline.all)
    const instances = named("instance", yield* documents.connectorInstance.all)
    const isOfFunction = Option.isSome(options.func)
    const { id, what } = yield* Names.among(
      isOfFunction ? "datapipeline" : "connectorinstance or datapipeline",
      isOfFunction ? pipelines : [...instances, ...pipelines],
      name
    )
    const query = { follow: options.follow ? "true" as const : "false" as const }
    const params = { id }
    const lines = followed<OperatorViews.LogLine>((client) =>
      what === "instance" ? client.instanceLogs({ params, query }) : client.pipelineLogs({
        params,
        query: { ...query, ...(Option.isSome(options.func) ? { function: options.func.value } : {}) }
      })
    )
    yield* Stream.runForEach(lines, (line) =>
      Console.log(
        options.output === "table"
          ? Output.printable(`${time(line.atMillis)}  ${line.from}  ${line.text}`)
          : JSON.stringify(line)
      ))
  },
  (effect, _name, { target }) => Effect.provide(effect, layer(target))
)

const messageLine = ({ atMillis, channel, missed, payloads }: OperatorViews.TappedMessage) => {
  const shown = payloads.map(({ byteLength, hex, text }) => text ?? `${byteLength} bytes, hex ${hex ?? ""}`)
  const left = missed > 0 ? `  (${missed} before it not shown)` : ""
  return Output.printable(`${time(atMillis)}  ${channel}  ${shown.join("  ")}${left}`)
}

/**
 * Prints messages as they pass on the channel of a stream, or where a pipeline puts them out. It takes nothing from
 * anybody.
 *
 * @category running
 * @since 0.1.0
 */
export const tap = Effect.fnUntraced(
  function*(name: string, options: {
    readonly count: Option.Option<number>
    readonly output: Output.Format
    readonly target: Target
  }) {
    const { documents, follow } = yield* Domain
    const streams = named("stream", yield* documents.connectorStream.all)
    const pipelines = named("pipeline", yield* documents.dataPipeline.all)
    const { id, what } = yield* Names.among("connectorstream or datapipeline", [...streams, ...pipelines], name)
    const request = {
      params: { id },
      query: Option.match(options.count, { onNone: () => ({}), onSome: (count) => ({ count }) })
    }
    const messages = follow<OperatorViews.TappedMessage>((client) =>
      what === "stream" ? client.tapStream(request) : client.tapPipeline(request)
    )
    yield* Stream.runForEach(
      messages,
      (message) => Console.log(options.output === "table" ? messageLine(message) : JSON.stringify(message))
    )
  },
  (effect, _name, { target }) => Effect.provide(effect, layer(target))
)

const overview = Effect.gen(function*() {
  const { operate } = yield* Domain
  return yield* operate((client) => client.overview({ query: { figures: "true" } }))
})

// clears the terminal and goes to its upper left corner
const clear = "\u001b[2J\u001b[H"

/**
 * Prints what runs and what passes: once, or again and again until interrupted.
 *
 * @category running
 * @since 0.1.0
 */
export const top = Effect.fnUntraced(
  function*(options: {
    readonly once: boolean
    readonly everyMillis: number
    readonly output: Output.Format
    readonly target: Target
  }) {
    const { once, output } = options
    const stdio = yield* Stdio.Stdio
    const isTerminal = yield* stdio.stdoutIsTerminal
    // it begins to count with the first call: rates need a second one
    yield* overview
    const show = Effect.fnUntraced(function*() {
      yield* Effect.sleep(options.everyMillis)
      const found = yield* overview
      const text = output === "table"
        ? TopView.text(found)
        : output === "yaml"
        ? `---\n${Output.value(output, found)}`
        : JSON.stringify(found)
      yield* Console.log(output === "table" && isTerminal && !once ? `${clear}${text}` : text)
    })
    yield* once ? show() : Effect.forever(show())
  },
  (effect, { target }) => Effect.provide(effect, layer(target))
)
