/**
 * `kps events`: alerts and statuses of a running connector.
 *
 * @since 0.1.0
 */
import { ConnectorClient } from "@kps/client"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as Connection from "../Connection.ts"
import * as Output from "../Output.ts"
import * as Views from "../Views.ts"

const get = Effect.gen(function*() {
  const client = yield* ConnectorClient.ConnectorClient
  const events = yield* client.getEvents
  return events.flatMap((payload) => Views.event(payload) ?? [])
})

const key = ({ kind, name, stream }: Views.EventView) => JSON.stringify([kind, name, stream])

/**
 * What is new or different in `after`.
 *
 * @category views
 * @since 0.1.0
 */
export const news = (
  before: ReadonlyArray<Views.EventView>,
  after: ReadonlyArray<Views.EventView>
): ReadonlyArray<Views.EventView> => {
  const known = new Map(before.map((event) => [key(event), JSON.stringify(event)]))
  return after.filter((event) => known.get(key(event)) !== JSON.stringify(event))
}

const line = (format: Output.Format, event: Views.EventView): string => {
  if (format === "json") return JSON.stringify(event)
  if (format === "yaml") return `---\n${Output.value(format, event)}`
  const { kind, name, severity, since, state, stream } = event
  const parts = [since, kind, name, stream, severity, state, Views.text(event)]
  return Output.printable(parts.filter((part) => part !== undefined).join("  "))
}

const follow = (format: Output.Format, everyMillis: number) =>
  Stream.fromEffectSchedule(get, Schedule.spaced(everyMillis)).pipe(
    Stream.mapAccum((): ReadonlyArray<Views.EventView> => [], (before, after) => [after, news(before, after)] as const),
    Stream.runForEach((event) => Console.log(line(format, event)))
  )

/**
 * @category commands
 * @since 0.1.0
 */
export const command = Command.make(
  "events",
  {
    ...Connection.flags,
    output: Output.flag,
    follow: Flag.Boolean("follow").pipe(
      Flag.withDescription("Go on and print what is new, one event at a time, until interrupted"),
      Flag.withDefault(false)
    ),
    interval: Flag.Int("interval").pipe(
      Flag.withMetavar("MILLIS"),
      Flag.withDescription("How often to ask, with --follow"),
      Flag.withSchema(Schema.Int.check(Schema.isBetween({ minimum: 100, maximum: 3_600_000 }))),
      Flag.withDefault(1000)
    )
  },
  Effect.fn("kps events")(function*({ follow: goOn, interval, output }) {
    if (goOn) return yield* follow(output, interval)
    yield* Output.list(output, Views.eventColumns, yield* get)
  })
).pipe(
  Command.withDescription("Print the alerts and statuses of a connector and its streams, oldest first"),
  Command.provide((flags) => Connection.layer(flags))
)
