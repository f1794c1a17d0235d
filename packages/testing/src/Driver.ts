/**
 * What a case acts with: streams of its own, calls, and waits with a bound.
 *
 * @since 0.1.0
 */
import type { JsonObject } from "@bufbuild/protobuf"
import type { Transport } from "@connectrpc/connect"
import { type GetEventsResponse, type GetPayloadResponse, PayloadKind, type SetPayloadResponse } from "@kps/idl"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"
import type { Streams } from "./Description.ts"
import * as EventView from "./EventView.ts"
import { BedFailed, expect, Mismatch, NotApplicable, show } from "./Outcome.ts"
import * as Reply from "./Reply.ts"
import type { Subject } from "./Subject.ts"
import * as Template from "./Template.ts"
import * as TestStream from "./TestStream.ts"
import type { Wire } from "./Wire.ts"

/**
 * Which of a description's streams is wanted.
 *
 * @category models
 * @since 0.1.0
 */
export type Sample = "working" | "changed" | "unreachable" | "throwing" | "secret"

/**
 * What all cases of one run share.
 *
 * @category models
 * @since 0.1.0
 */
export interface Run {
  readonly subject: Subject["Service"]
  /** What random choices come from. */
  readonly seed: number
  /** Another text of lower-case letters and digits with each call. */
  readonly nextName: () => string
  /** What no log, event or answer may ever show. */
  readonly secret: string
  /** The config in force before the first case; nothing while it is not known. */
  firstConfig: JsonObject | undefined
}

/** The config that makes the one in force what it was; nothing when it is. */
const undo = (first: JsonObject, now: JsonObject): JsonObject | undefined => {
  if (Equal.equals(first, now)) return undefined
  const gone = Object.keys(now).filter((key) => !Object.hasOwn(first, key)).map((key) => [key, null] as const)
  // what is redacted cannot be given back
  return Object.fromEntries([...gone, ...Object.entries(first).filter(([, value]) => value !== "<redacted>")])
}

/** How often something that has to come is looked for. */
const pollEvery = "25 millis"

/**
 * One case's hand on the connector.
 *
 * @category models
 * @since 0.1.0
 */
export class Driver {
  readonly run: Run
  readonly subject: Subject["Service"]
  readonly wire: Wire
  /** Forgets the calls so far: what is left is what reproduces a failure. */
  readonly forget: () => void

  /** The same hand, over another connection. */
  readonly over: (transport: Transport) => Driver

  constructor(run: Run, wireOf: (transport: Transport) => Wire, forget: () => void, transport = run.subject.transport) {
    this.run = run
    this.subject = run.subject
    this.wire = wireOf(transport)
    this.forget = forget
    this.over = (other) => new Driver(run, wireOf, forget, other)
  }

  /** No streams, the first config. What the connector refuses of that is not looked at. */
  readonly clean: Effect.Effect<void> = Effect.suspend(() =>
    Effect.ignore(Effect.gen({ self: this }, function*() {
      yield* this.setNothing
      const now = yield* this.config
      this.run.firstConfig ??= now
      const changes = undo(this.run.firstConfig, now)
      if (changes !== undefined) yield* this.setConfig(changes)
    }))
  )

  /** The directions that the description has streams of; those whose data can be followed come first. */
  get directions(): ReadonlyArray<TestStream.Direction> {
    const { description: { streams } } = this.subject
    const all = [
      ...(streams.ingress === undefined ? [] : ["INGRESS" as const]),
      ...(streams.egress === undefined ? [] : ["EGRESS" as const])
    ]
    return [
      ...all.filter((direction) => this.hasData(direction)),
      ...all.filter((direction) => !this.hasData(direction))
    ]
  }

  /** Whether what goes through a working stream of this direction can be given and seen. */
  hasData(direction: TestStream.Direction): boolean {
    const { outside } = this.subject
    return direction === "INGRESS" ? outside?.feed !== undefined : outside?.observe !== undefined
  }

  samples(direction: TestStream.Direction): Streams | undefined {
    const { ingress, egress } = this.subject.description.streams
    return direction === "INGRESS" ? ingress : egress
  }

  /** The first direction of which the description has such a stream. */
  readonly directionWith = (pick: (sample: Streams) => unknown): TestStream.Direction | undefined =>
    this.directions.find((direction) => {
      const sample = this.samples(direction)
      return sample !== undefined && pick(sample) !== undefined
    })

  /** A stream of the suite's own; nothing is asked of the connector yet. Default: the first direction, `working`. */
  readonly stream = Effect.fnUntraced({ self: this }, function*(
    options: {
      readonly direction?: TestStream.Direction | undefined
      readonly sample?: Sample
      readonly metadata?: JsonObject
    } = {}
  ): Effect.fn.Return<TestStream.TestStream, BedFailed | NotApplicable> {
    const direction = options.direction ?? this.directions[0] ?? "INGRESS"
    const sample = options.sample ?? "working"
    const template = options.metadata ?? this.samples(direction)?.[sample]
    if (template === undefined) {
      return yield* new NotApplicable({ reason: `the description has no ${sample} ${direction.toLowerCase()} stream` })
    }
    const name = this.run.nextName()
    return {
      name,
      id: `conform-${name}`,
      direction,
      channel: `${this.subject.description.channelPrefix}.${name}`,
      metadata: yield* this.render(template, name)
    }
  })

  /** Fills in the placeholders of a stream with this name. */
  readonly render = Effect.fnUntraced(
    { self: this },
    function*(template: JsonObject, stream: string): Effect.fn.Return<JsonObject, BedFailed | NotApplicable> {
      const { outside } = this.subject
      const needs = (name: Template.Name) => Template.uses(template, name)
      if (needs("outside") && outside?.address === undefined) {
        return yield* new NotApplicable({ reason: "the description has {outside} and no outside.nats" })
      }
      return Template.object(template, {
        stream,
        outside: outside?.address,
        secret: this.run.secret,
        unreachable: needs("unreachable") && outside?.unreachable !== undefined
          ? yield* outside.unreachable(stream)
          : undefined
      })
    }
  )

  /** SetPayload with these streams alone. */
  readonly setStreams = (
    ...streams: ReadonlyArray<TestStream.TestStream>
  ): Effect.Effect<Reply.Reply<SetPayloadResponse>> =>
    this.wire.setPayload({ payloads: streams.map((stream) => TestStream.payload(stream)) })

  /** SetPayload with a config alone. */
  readonly setConfig = (metadata: JsonObject): Effect.Effect<Reply.Reply<SetPayloadResponse>> =>
    this.wire.setPayload({ payloads: [TestStream.config(metadata)] })

  /** SetPayload without any payload. */
  readonly setNothing: Effect.Effect<Reply.Reply<SetPayloadResponse>> = Effect.suspend(() =>
    this.wire.setPayload({ payloads: [] })
  )

  /** Fails unless the answer is OK. */
  readonly ok = <A>(what: string, reply: Reply.Reply<A>): Effect.Effect<A, Mismatch> =>
    reply.code === "OK" && reply.value !== undefined
      ? Effect.succeed(reply.value)
      : Effect.fail(new Mismatch({ expected: `${what}: OK`, got: Reply.text(reply) }))

  /** Starts these streams alone, and fails unless all of them run. */
  readonly start = (...streams: ReadonlyArray<TestStream.TestStream>): Effect.Effect<void, Mismatch> =>
    Effect.gen({ self: this }, function*() {
      yield* this.ok(
        `SetPayload of ${streams.length === 1 ? "a stream that works" : `${streams.length} streams that work`}`,
        yield* this.setStreams(...streams)
      )
      yield* this.eventually(
        `subscribed ${streams.map(({ id }) => id).join(", ")}`,
        Effect.map(
          this.list,
          (list) =>
            streams.every(({ id }) => list.some((listed) => listed.id === id && listed.subscribed))
              ? undefined
              : TestStream.text(list)
        )
      )
    })

  /** Everything that GetPayload lists. */
  readonly list: Effect.Effect<ReadonlyArray<TestStream.Listed>, Mismatch> = Effect.suspend(() =>
    Effect.flatMap(
      this.wire.getPayload({ kind: PayloadKind.STREAM }),
      (reply) => Effect.map(this.ok("GetPayload of streams", reply), TestStream.listed)
    )
  )

  /** What GetPayload lists and is not only on offer. */
  readonly asked: Effect.Effect<ReadonlyArray<TestStream.Listed>, Mismatch> = Effect.suspend(() =>
    Effect.map(
      this.list,
      (list) => list.filter(({ channel, discovered, subscribed }) => !discovered || subscribed || channel !== "")
    )
  )

  /** Every config that GetPayload lists. */
  readonly configs: Effect.Effect<ReadonlyArray<JsonObject>, Mismatch> = Effect.suspend(() =>
    Effect.flatMap(
      this.wire.getPayload({ kind: PayloadKind.CONFIG }),
      (reply) =>
        Effect.map(
          this.ok<GetPayloadResponse>("GetPayload of the config", reply),
          ({ payloads }) =>
            payloads.flatMap(({ object }) => object.case === "config" ? [object.value.metadata ?? {}] : [])
        )
    )
  )

  /** The one config in force. */
  readonly config: Effect.Effect<JsonObject, Mismatch> = Effect.suspend(() =>
    Effect.flatMap(
      this.configs,
      (configs) => Effect.as(expect(configs.length === 1, "exactly one Config", `${configs.length}`), configs[0] ?? {})
    )
  )

  readonly events: Effect.Effect<ReadonlyArray<EventView.EventView>, Mismatch> = Effect.suspend(() =>
    Effect.flatMap(
      this.wire.getEvents(),
      (reply) => Effect.map(this.ok<GetEventsResponse>("GetEvents", reply), EventView.ofReply)
    )
  )

  readonly eventsOf = (stream: TestStream.TestStream): Effect.Effect<ReadonlyArray<EventView.EventView>, Mismatch> =>
    Effect.map(this.events, (events) => events.filter(({ streamId }) => streamId === stream.id))

  /** Looks until `got` has nothing more to say; what it says last is what came. */
  readonly eventually = <E, R>(
    expected: string,
    got: Effect.Effect<string | undefined, E, R>,
    within: Duration.Duration = this.subject.patience.within
  ): Effect.Effect<void, E | Mismatch, R> =>
    Effect.gen(function*() {
      const until = (yield* Clock.currentTimeMillis) + Duration.toMillis(within)
      while (true) {
        const came = yield* got
        if (came === undefined) return
        if ((yield* Clock.currentTimeMillis) >= until) {
          return yield* new Mismatch({ expected: `${expected} within ${Duration.format(within)}`, got: came })
        }
        yield* Effect.sleep(pollEvery)
      }
    })

  /** Waits as long as something that must not come is given to come. */
  readonly quiet: Effect.Effect<void> = Effect.suspend(() => Effect.sleep(this.subject.patience.quiet))

  /** Fails unless the answer is a refusal with this code that a caller can read, at all of these places. */
  readonly refused = (
    what: string,
    reply: Reply.Reply<unknown>,
    code: Reply.Reply<unknown>["code"],
    fields: ReadonlyArray<string> = []
  ): Effect.Effect<void, Mismatch> => {
    const at = fields.length === 0
      ? ""
      : ` with ${fields.length === 1 ? "a violation" : "violations"} at ${fields.join(", ")}`
    const places = new Set(reply.violations.map(({ field }) => field))
    return expect(
      reply.code === code && reply.contradiction === undefined && fields.every((field) => places.has(field)),
      `${what}: ${code}${at}`,
      Reply.text(reply)
    )
  }

  /** Fails unless exactly these streams are asked for, in any order. */
  readonly asksFor = (
    when: string,
    ...streams: ReadonlyArray<TestStream.TestStream>
  ): Effect.Effect<void, Mismatch> =>
    Effect.flatMap(this.asked, (list) => {
      const want = streams.map(({ channel, id }) => `${id} ${channel}`).toSorted()
      const got = list.map(({ channel, id }) => `${id} ${channel}`).toSorted()
      return expect(
        show(want) === show(got),
        `${when}: ${streams.length === 0 ? "no streams" : streams.map(({ id }) => id).join(", ")}`,
        TestStream.text(list)
      )
    })
}
