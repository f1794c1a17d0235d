/**
 * Plays a sequence of commands against a connector, and compares it with the model after each.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"
import type * as Scope from "effect/Scope"
import type { Driver } from "../Driver.ts"
import * as EventView from "../EventView.ts"
import * as Flow from "../Flow.ts"
import { type Ended, expect, same, show } from "../Outcome.ts"
import * as Reply from "../Reply.ts"
import * as TestStream from "../TestStream.ts"
import type { Choices, Command, Slot } from "./Command.ts"
import * as Model from "./Model.ts"

/**
 * What the description lets be chosen from.
 *
 * @category constructors
 * @since 0.1.0
 */
export const choices = (driver: Driver, faults: boolean): Choices => {
  const { description, outside } = driver.subject
  const { directions } = driver
  return {
    directions,
    unreachable: directions.filter((direction) => driver.samples(direction)?.unreachable !== undefined),
    variants: 2,
    configs: description.config.valid?.length ?? 0,
    unset: description.config.default !== undefined,
    faults: faults && outside?.faults !== undefined
  }
}

/** The streams of one playing: what has the same slot, variant and so on is the same stream. */
const streamsOf = (driver: Driver) => {
  const name = driver.run.nextName()
  const { channelPrefix } = driver.subject.description
  const known = new Map<string, TestStream.TestStream>()
  const id = (slot: number) => `conform-${name}-${slot}`
  const make = Effect.fnUntraced(function*(slot: Slot) {
    const key = `${slot.slot}${slot.direction}${slot.variant}${slot.reachable}`
    const channel = `${channelPrefix}.${name}.${slot.slot}.${slot.channel}`
    const there = known.get(key)
    if (there !== undefined) return { ...there, channel }
    const sample = driver.samples(slot.direction)
    const made = yield* driver.stream({
      direction: slot.direction,
      sample: !slot.reachable
        ? "unreachable"
        : slot.variant > 0 && sample?.changed !== undefined
        ? "changed"
        : "working"
    })
    const stream = { ...made, id: id(slot.slot) }
    known.set(key, stream)
    return { ...stream, channel }
  })
  return { id, make, isKnown: (streamId: string) => streamId === "" || streamId.startsWith(`conform-${name}-`) }
}

const wrong = (payloads: ReadonlyArray<TestStream.TestStream>, flaw: string) => {
  const [first, ...others] = payloads.map((stream) => TestStream.payload(stream))
  const [stream] = payloads
  if (first === undefined || stream === undefined) return []
  switch (flaw) {
    case "the same id twice":
      return [first, ...others, first]
    case "an empty id":
      return [...others, TestStream.payload(stream, { id: "" })]
    case "no direction":
      return [...others, TestStream.payload(stream, { direction: 0 })]
    case "a wildcard channel":
      return [...others, TestStream.payload(stream, { transportChannel: "a.>" })]
    default:
      return [first, ...others]
  }
}

/**
 * Plays commands from a connector without streams and with its first config; fails where it differs from the model.
 *
 * @category running
 * @since 0.1.0
 */
export const play = Effect.fnUntraced(function*(
  driver: Driver,
  commands: ReadonlyArray<Command>
): Effect.fn.Return<void, Ended, Scope.Scope> {
  const faults = driver.subject.outside?.faults
  if (faults !== undefined) yield* faults.mend
  yield* driver.clean
  driver.forget()
  const streams = streamsOf(driver)
  const first = yield* driver.config
  const { default: defaults = {}, valid = [] } = driver.subject.description.config
  const configs: Model.Configs = { defaults, valid }
  let state: Model.State = { streams: [], config: first, broken: false }

  const listed = Effect.fnUntraced(function*() {
    const want = yield* Effect.forEach(
      state.streams,
      (slot) => Effect.map(streams.make(slot), (stream) => ({ stream, runs: Model.runs(state, slot) }))
    )
    yield* driver.eventually(
      want.length === 0
        ? "no streams"
        : want.map(({ runs, stream }) => `${stream.id} ${runs ? "" : "not "}subscribed on "${stream.channel}"`).join(
          ", "
        ),
      Effect.map(driver.asked, (list) => {
        const equal = list.length === want.length && want.every(({ runs, stream }, n) => {
          const { channel, direction, id, metadata, subscribed } = list[n]!
          return id === stream.id && subscribed === runs && channel === stream.channel &&
            direction === stream.direction &&
            Object.entries(stream.metadata).every(([key, value]) => Equal.equals(metadata[key], value))
        })
        return equal ?
          undefined :
          `${TestStream.text(list)}${
            list.length === want.length ? ` with metadata ${show(list.map(({ metadata }) => metadata))}` : ""
          }`
      })
    )
  })

  const told = Effect.fnUntraced(function*() {
    const want = yield* Effect.forEach(
      state.streams,
      (slot) => Effect.map(streams.make(slot), (stream) => ({ stream, runs: Model.runs(state, slot) }))
    )
    yield* driver.eventually(
      want.length === 0
        ? "no events of streams that nobody asked for"
        : `of ${
          want.map(({ runs, stream }) => `${stream.id} one status and ${runs ? "no" : "an"} alert`).join(", of ")
        }`,
      Effect.map(driver.events, (events) => {
        const stranger = events.find(({ streamId }) => !streams.isKnown(streamId) && !streamId.startsWith("conform-"))
        if (stranger !== undefined) return EventView.text(stranger)
        const holds = want.every(({ runs, stream }) => {
          const own = events.filter(({ streamId }) => streamId === stream.id)
          return own.filter(({ kind }) => kind === "status").length === 1 && own.some(EventView.isStanding) === !runs
        })
        return holds ? undefined : EventView.texts(events.filter(({ streamId }) => streams.isKnown(streamId)))
      })
    )
  })

  const answered = (what: string, reply: Reply.Reply<unknown>, answer: Model.Answer | undefined) =>
    expect(
      reply.contradiction === undefined &&
        (answer === "the failure of a stream" ? Reply.isStreamCode(reply) : reply.code === answer),
      `${what}: ${answer}`,
      Reply.text(reply)
    )

  const perform = Effect.fnUntraced(function*(command: Command, answer: Model.Answer | undefined) {
    switch (command._tag) {
      case "SetStreams": {
        const asked = yield* Effect.forEach(command.streams, streams.make)
        const { config } = command
        const payloads = [
          ...(config === undefined ? [] : [TestStream.config(Model.request(configs, config))]),
          ...asked.map((stream) => TestStream.payload(stream))
        ]
        return yield* answered("SetPayload", yield* driver.wire.setPayload({ payloads }), answer)
      }
      case "SetConfig":
        return yield* answered(
          "SetPayload of a config",
          yield* driver.setConfig(Model.request(configs, command.config)),
          answer
        )
      case "SetNothing":
        return yield* answered("SetPayload without payloads", yield* driver.setNothing, answer)
      case "SetWrong": {
        const payloads = wrong(yield* Effect.forEach(command.streams, streams.make), command.flaw)
        const connectorId = command.flaw === "another connector id" ? "another" : driver.subject.description.id
        const reply = yield* driver.wire.setPayload({ payloads, connectorId })
        return yield* answered(`SetPayload with ${command.flaw}`, reply, answer)
      }
      case "GetStreams":
        return yield* listed()
      case "GetConfig":
        return yield* same("the config", state.config, yield* driver.config)
      case "GetEvents":
        return yield* told()
      case "Send": {
        const slot = state.streams.find(({ slot }) => slot === command.slot)
        if (slot === undefined || !Model.runs(state, slot)) return
        yield* Effect.scoped(Flow.flows(driver, yield* streams.make(slot)))
        return
      }
      case "Break":
        if (faults !== undefined) yield* faults.break
        // that the outside is away has to be noticed, which takes its time
        return yield* listed()
      case "Mend":
        if (faults !== undefined) yield* faults.mend
        return yield* listed()
    }
  })

  for (const command of commands) {
    const next = Model.step(state, command, configs)
    state = next.state
    yield* perform(command, next.answer)
  }
})
