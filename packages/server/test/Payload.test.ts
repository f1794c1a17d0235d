import { create, fromJson, type MessageInitShape } from "@bufbuild/protobuf"
import { assert, describe, it } from "@effect/vitest"
import { type Payload as PayloadMessage, PayloadSchema, StreamDirection, type StreamSchema } from "@kps/idl"
import { Effect, Option, Schema } from "effect"
import * as ConfigState from "../src/ConfigState.ts"
import * as Metadata from "../src/Metadata.ts"
import * as Payload from "../src/Payload.ts"

const Stream = Schema.Struct({
  subject: Schema.String.check(Schema.isPattern(/^\S+$/u, { expected: "a subject" })),
  queue: Schema.String.pipe(Schema.withDecodingDefaultTypeKey(Effect.succeed("none")))
})
const Config = Schema.Struct({
  level: Schema.Literals(["INFO", "DEBUG"]).pipe(Schema.withDecodingDefaultTypeKey(Effect.succeed("INFO" as const))),
  size: Schema.optionalKey(Schema.Int)
})

const stream = (value: MessageInitShape<typeof StreamSchema>) =>
  create(PayloadSchema, {
    object: {
      case: "stream",
      value: {
        id: "s",
        direction: StreamDirection.INGRESS,
        transportChannel: "c",
        metadata: { subject: "a" },
        ...value
      } as MessageInitShape<typeof StreamSchema>
    }
  })
const config = (metadata: NonNullable<MessageInitShape<typeof StreamSchema>["metadata"]>) =>
  create(PayloadSchema, { object: { case: "config", value: { metadata } } })

const rules = (overrides: Partial<Payload.Rules> = {}) =>
  Effect.gen(function*() {
    return {
      direction: "BIDIRECTIONAL",
      stream: Metadata.make(Stream),
      config: yield* ConfigState.make({
        schema: Config,
        bound: { setConfig: () => Effect.void },
        restartOn: () => false,
        mode: "merge"
      }),
      mode: "perKind",
      ...overrides
    } satisfies Payload.Rules
  })

const accept = (payloads: ReadonlyArray<PayloadMessage>, overrides?: Partial<Payload.Rules>) =>
  Effect.flatMap(rules(overrides), (rules) => Payload.accept(payloads, rules))

const refuse = (payloads: ReadonlyArray<PayloadMessage>, overrides?: Partial<Payload.Rules>) =>
  Effect.map(
    Effect.flip(accept(payloads, overrides)),
    (violations) => violations.map(({ description, path }) => `${path}: ${description}`)
  )

describe("Payload", () => {
  it.effect("takes streams in their order, decoded, with what GetPayload will answer", () =>
    Effect.gen(function*() {
      const accepted = yield* accept([
        stream({ id: "b" }),
        stream({ id: "a", direction: StreamDirection.EGRESS, transportChannel: "x.y", metadata: { subject: "z" } })
      ])

      assert.deepStrictEqual(Option.getOrThrow(accepted.streams), [
        {
          id: "b",
          direction: "INGRESS",
          channel: "c",
          parameters: { subject: "a", queue: "none" },
          metadata: { subject: "a", queue: "none" }
        },
        {
          id: "a",
          direction: "EGRESS",
          channel: "x.y",
          parameters: { subject: "z", queue: "none" },
          metadata: { subject: "z", queue: "none" }
        }
      ] as never)
      assert.isTrue(Option.isNone(accepted.config))
    }))

  it.effect("gives every violation of every payload at once, each with its path", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(
        yield* refuse([
          stream({ id: "" }),
          stream({ id: "a", direction: StreamDirection.UNSPECIFIED, transportChannel: "" }),
          create(PayloadSchema),
          stream({ id: "b", transportChannel: "a.*", metadata: { subject: "x y", qeue: "z" } }),
          stream({ id: "b", direction: 7 as StreamDirection, transportChannel: "a b" }),
          config({ level: "LOUD", size: 1.5 })
        ]),
        [
          "payloads[0].stream.id: expected an id of 1 to 255 characters, got \"\"",
          "payloads[1].stream.direction: expected STREAM_DIRECTION_INGRESS or STREAM_DIRECTION_EGRESS, got STREAM_DIRECTION_UNSPECIFIED",
          "payloads[1].stream.transport_channel: expected a channel name such as \"plant.line-1\": tokens between dots, no white space, no wildcards, no leading $, got \"\"",
          "payloads[2]: expected a config or a stream, got neither",
          "payloads[3].stream.transport_channel: expected a channel name such as \"plant.line-1\": tokens between dots, no white space, no wildcards, no leading $, got \"a.*\"",
          "payloads[3].stream.metadata.qeue: expected no such key (known: \"subject\", \"queue\")",
          "payloads[3].stream.metadata.subject: expected a subject, got \"x y\"",
          "payloads[4].stream.id: expected an id of its own, got \"b\", which payloads[3] has",
          "payloads[4].stream.direction: expected STREAM_DIRECTION_INGRESS or STREAM_DIRECTION_EGRESS, got 7",
          "payloads[4].stream.transport_channel: expected a channel name such as \"plant.line-1\": tokens between dots, no white space, no wildcards, no leading $, got \"a b\"",
          "payloads[5].config.metadata.level: expected \"INFO\" | \"DEBUG\", got \"LOUD\"",
          "payloads[5].config.metadata.size: expected an integer, got 1.5"
        ]
      )
    }))

  it.effect("refuses a direction that the class does not have", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* refuse([stream({ direction: StreamDirection.EGRESS })], { direction: "INGRESS" }), [
        "payloads[0].stream.direction: expected STREAM_DIRECTION_INGRESS, the only one of this connector, got STREAM_DIRECTION_EGRESS"
      ])
      assert.deepStrictEqual(yield* refuse([stream({})], { direction: "EGRESS" }), [
        "payloads[0].stream.direction: expected STREAM_DIRECTION_EGRESS, the only one of this connector, got STREAM_DIRECTION_INGRESS"
      ])
    }))

  it.effect("refuses the same id in both directions", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* refuse([stream({}), stream({ direction: StreamDirection.EGRESS })]), [
        "payloads[1].stream.id: expected an id of its own, got \"s\", which payloads[0] has"
      ])
    }))

  it.effect("refuses ids that are too long, and cuts what it echoes", () =>
    Effect.gen(function*() {
      yield* accept([stream({ id: "x".repeat(255) })])
      assert.deepStrictEqual(yield* refuse([stream({ id: "x".repeat(256) })]), [
        `payloads[0].stream.id: expected an id of 1 to 255 characters, got "${"x".repeat(200)}…"`
      ])
    }))

  it.effect("takes a stream without metadata as one with no values", () =>
    Effect.gen(function*() {
      const bare = create(PayloadSchema, {
        object: { case: "stream", value: { id: "s", direction: StreamDirection.INGRESS, transportChannel: "c" } }
      })
      assert.deepStrictEqual(yield* refuse([bare]), ["payloads[0].stream.metadata.subject: expected string, got none"])
      yield* accept([bare], { stream: Metadata.make(Schema.Struct({})) })
    }))

  it.effect("ignores what only the connector says: subscribed and discovered", () =>
    Effect.gen(function*() {
      const plain = yield* accept([stream({})])
      const flagged = yield* accept([stream({ subscribed: true, discovered: true })])

      assert.deepStrictEqual(flagged, plain)
    }))

  it.effect("refuses more payloads than it could answer for", () =>
    Effect.gen(function*() {
      const many = Array.from({ length: 10_001 }, () => create(PayloadSchema))

      assert.deepStrictEqual(yield* refuse(many), ["payloads: expected at most 10000 payloads, got 10001"])
    }))

  it.effect("leaves streams alone for config alone, stops all for nothing at all, leaves config alone for streams", () =>
    Effect.gen(function*() {
      const configOnly = yield* accept([config({ size: 1 })])
      assert.isTrue(Option.isNone(configOnly.streams))
      assert.isTrue(Option.isSome(configOnly.config))

      const nothing = yield* accept([])
      assert.deepStrictEqual(nothing.streams, Option.some([]))
      assert.isTrue(Option.isNone(nothing.config))

      const streamsOnly = yield* accept([stream({})])
      assert.lengthOf(Option.getOrThrow(streamsOnly.streams), 1)
      assert.isTrue(Option.isNone(streamsOnly.config))
    }))

  it.effect("stops every stream that is not named, whatever the request has, in replaceAll", () =>
    Effect.gen(function*() {
      const configOnly = yield* accept([config({ size: 1 })], { mode: "replaceAll" })

      assert.deepStrictEqual(configOnly.streams, Option.some([]))
    }))

  it("makes streams and configs as the contract has them", () => {
    const made = Payload.ofStream({
      id: "s",
      direction: "EGRESS",
      channel: "c",
      metadata: { a: null },
      subscribed: true,
      discovered: false
    })
    assert.deepStrictEqual(
      made,
      fromJson(PayloadSchema, {
        stream: {
          id: "s",
          subscribed: true,
          direction: "STREAM_DIRECTION_EGRESS",
          transportChannel: "c",
          metadata: { a: null }
        }
      })
    )
    assert.deepStrictEqual(Payload.ofConfig({}), fromJson(PayloadSchema, { config: { metadata: {} } }))
  })
})
