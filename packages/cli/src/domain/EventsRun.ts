/**
 * What `kps get connectorinstancealerts` and `connectorinstancestatus` do. Loaded when one of them is asked for.
 *
 * @since 0.1.0
 */
import { Event, EventHistory, type Kind } from "@kps/service-domain"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { BadSelection } from "../CommandError.ts"
import * as Output from "../Output.ts"
import { Domain, layer } from "./Domain.ts"
import * as Names from "./Names.ts"
import type { Target } from "./TargetFlags.ts"

/**
 * Of what events are asked for: names or ids.
 *
 * @category models
 * @since 0.1.0
 */
export interface Selection {
  readonly serviceDomain: Option.Option<string>
  readonly project: Option.Option<string>
  readonly instance: Option.Option<string>
  readonly stream: Option.Option<string>
}

/** The API gives so many at most at a time. */
const pageSize = 1_000

/** No more are shown than this: a history is bounded, and what is asked for is what happened lately. */
const maxEvents = 100_000

const required = (selection: Selection) => {
  const wanted = [
    ["--svcdomain", selection.serviceDomain],
    ["--project", selection.project],
    ["--instance", selection.instance]
  ] as const
  const missing = wanted.flatMap(([flag, value]) => Option.isNone(value) ? [flag] : [])
  return missing.length === 0
    ? Effect.void
    : Effect.fail(
      new BadSelection({ problem: `say whose: ${missing.join(", ")} ${missing.length > 1 ? "are" : "is"} missing` })
    )
}

/** The message of an event and, where it carries an error, what that says. */
const textOf = ({ message = "", properties }: Event.Event): string => {
  const error = properties?.["ErrorMessage"] ?? ""
  return error === "" || message.includes(error) ? message : `${message}: ${error}`
}

const streamsOf = (instance: string) =>
  Effect.gen(function*() {
    const { documents } = yield* Domain
    const all: ReadonlyArray<Kind.Values["connectorStream"]> = yield* documents.connectorStream.all
    return all.filter(({ connectorInstanceID }) => connectorInstanceID === instance)
  })

/**
 * Prints the alerts or statuses of an instance: how each is now, or everything that is kept.
 *
 * @category running
 * @since 0.1.0
 */
export const print = Effect.fnUntraced(
  function*(type: "ALERT" | "STATUS", options: {
    readonly selection: Selection
    readonly history: boolean
    readonly output: Output.Format
    readonly target: Target
  }) {
    const { history, output, selection } = options
    yield* required(selection)
    const { call, documents } = yield* Domain
    const text = (option: Option.Option<string>) => Option.getOrElse(option, () => "")
    const serviceDomain = yield* Names.find("serviceDomain", text(selection.serviceDomain))
    const project = yield* Names.find("project", text(selection.project))
    const all: ReadonlyArray<Kind.Values["connectorInstance"]> = yield* documents.connectorInstance.all
    const instance = yield* Names.among(
      "connectorinstance",
      all.filter(({ projectId }) => projectId === project.id),
      text(selection.instance)
    )
    const streams = yield* streamsOf(instance.id)
    const stream = Option.isNone(selection.stream)
      ? undefined
      : yield* Names.among("connectorstream", streams, selection.stream.value)
    const path = Event.path({
      serviceDomain: serviceDomain.id,
      project: project.id,
      instance: instance.id,
      ...(stream === undefined ? {} : { stream: stream.id })
    })
    const found: Array<Event.Event> = []
    for (let pageIndex = 0; found.length < maxEvents; pageIndex++) {
      const page = yield* call((client) =>
        client.events.query({ query: { pageIndex, pageSize }, payload: { path, keys: { type } } })
      )
      found.push(...page)
      if (page.length < pageSize) break
    }
    const wanted = history ? found : EventHistory.newest(found)
    if (output !== "table") return yield* Output.list(output, [], wanted)
    // the id of the stream is the end of the path
    const streamOf = ({ path }: Event.Event) => {
      const id = /\/connectorStream:([^/]*)/.exec(path)?.[1]
      return id === undefined ? "" : streams.find((stream) => stream.id === decodeURIComponent(id))?.name ?? id
    }
    const severity = { header: "SEVERITY", cell: ({ severity }: Event.Event) => severity ?? "" }
    yield* Output.list("table", [
      { header: "TIME", cell: ({ timestamp }) => timestamp ?? "" },
      { header: "NAME", cell: ({ properties }) => properties?.["name"] ?? "" },
      { header: "STREAM", cell: streamOf },
      ...(type === "ALERT" ? [severity] : []),
      { header: "STATE", cell: ({ state }) => state ?? "" },
      { header: "MESSAGE", cell: textOf }
    ], wanted)
  },
  (effect, _type, { target }) => Effect.provide(effect, layer(target))
)
