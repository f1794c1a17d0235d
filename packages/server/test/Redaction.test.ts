import { create, type DescMessage, type JsonObject, type Message, toBinary } from "@bufbuild/protobuf"
import { assert, describe, it } from "@effect/vitest"
import { Connector, Delivery, Failure } from "@kps/connector"
import { Events, Text } from "@kps/events"
import {
  EventPayloadSchema,
  GetEventsRequestSchema,
  GetPayloadRequestSchema,
  type Payload,
  PayloadKind,
  PayloadSchema,
  ResponseStatusSchema,
  SetPayloadRequestSchema
} from "@kps/idl"
import { Channel, Transport } from "@kps/transport"
import * as TransportTest from "@kps/transport/testing/TransportTest"
import { Cause, Effect, Exit, Inspectable, Layer, Logger, Redacted, References, Schema, Stream, Tracer } from "effect"
import type { ContractError } from "../src/ContractError.ts"
import * as ContractStatus from "../src/ContractStatus.ts"
import { cut, describe as shown } from "../src/internal/text.ts"
import * as Options from "../src/Options.ts"
import * as RunningStreams from "../src/RunningStreams.ts"
import * as Serving from "../src/Serving.ts"
import { config, stream } from "./support/SampleConnector.ts"
import { untilTrue } from "./support/Until.ts"

describe("texts of others", () => {
  it("lose the credentials in everything that looks like a URL", () => {
    const cases = {
      "nats://user:canary@host:4222": "nats://<redacted>@host:4222",
      "cannot connect to nats://canary@a and tls://user:canary@b: refused":
        "cannot connect to nats://<redacted>@a and tls://<redacted>@b: refused",
      "nats://u:p@canary/c?a#n@host": "nats://<redacted>@host",
      "nats://u:canary@a,nats://u:canary@b": "nats://<redacted>@b",
      "{\"url\":\"http://u:canary@a\"}": "{\"url\":\"http://<redacted>@a\"}",
      "mail a@b about nats://host/path": "mail a@b about nats://host/path",
      "nats://host, ask a@b": "nats://host, ask a@b"
    }
    for (const [text, want] of Object.entries(cases)) {
      assert.strictEqual(Text.mask(text), want)
      assert.strictEqual(Text.mask(want), want)
    }
  })

  it("lose them before they are cut", () => {
    assert.strictEqual(cut(`nats://user:${"canary".repeat(100)}@host`), "nats://<redacted>@host")
  })

  it("are shown in linear time, however hostile they are", () => {
    for (const part of ["://", "a://b ", "@://", "x"]) {
      const started = performance.now()
      Text.mask(`@${part.repeat(300_000)}`)
      shown(`@${part.repeat(300_000)}`)
      // quadratic, it would take hours
      assert.isBelow(performance.now() - started, 15_000)
    }
  })

  it("lose them in addresses without a scheme, where the whole value is one", () => {
    assert.strictEqual(shown("user:canary@host:4222"), "\"<redacted>@host:4222\"")
    assert.strictEqual(shown("user:p@canary@host"), "\"<redacted>@host\"")
    assert.strictEqual(shown("at 12:30 meet a@b"), "\"at 12:30 meet a@b\"")
    assert.strictEqual(shown("a@b:c"), "\"a@b:c\"")
  })
})

/** Every secret of this test has this in it, and so has every payload. */
const canary = "canary-7f3a"

const Secret = Schema.RedactedFromValue(Schema.String.check(Schema.isMinLength(20)))

class Denied extends Schema.TaggedError<Denied>()("Denied", {
  url: Schema.String,
  password: Schema.Redacted(Schema.String),
  cause: Schema.Defect()
}) {
  override get message() {
    // oxlint-disable-next-line typescript/no-base-to-string -- what becomes of a secret that is printed
    return `cannot log in to ${this.url} with ${String(this.password)}`
  }
}

const Vault = Connector.make("vault")({
  version: "1.0",
  description: "Has secrets wherever it can.",
  direction: "INGRESS",
  stream: Schema.Struct({
    mode: Schema.Literals(["flow", "fail", "die"]),
    broker: Schema.String.check(Schema.isPattern(/^nats:/u, { expected: "an address" })),
    password: Secret,
    nested: Schema.optionalKey(Schema.Struct({ tokens: Schema.Array(Secret) }))
  }),
  config: Schema.Struct({ licence: Schema.optionalKey(Secret), level: Schema.optionalKey(Schema.Int) }),
  failures: { Denied: Failure.retry({ code: "UNAUTHENTICATED", severity: "CRITICAL" }) }
})

const vault = Vault.toLayer(Effect.succeed({
  ingress: ({ parameters }) => {
    const { mode, password } = parameters
    if (mode === "flow") {
      return Effect.succeed(Delivery.lossy(Stream.concat(
        Stream.make(new TextEncoder().encode(`payload ${canary}`)),
        Stream.never
      )))
    }
    const url = `nats://user:${Redacted.value(password)}@host`
    const denied = new Denied({ url, password, cause: new Error(`refused by ${url}`) })
    return mode === "fail" ? Effect.fail(denied) : Effect.die({ reason: "odd", password })
  },
  discover: Effect.succeed([{
    id: "offered",
    direction: "INGRESS" as const,
    parameters: { mode: "flow" as const, broker: "nats://a", password: Redacted.make(`discovered ${canary}`) }
  }])
}))

const connectorId = "c-1"
const secret = `secret-${canary}-secret`
const metadata = (mode: string, more: JsonObject = {}): JsonObject => ({
  mode,
  broker: "nats://a",
  password: secret,
  ...more
})
const flow = (more: JsonObject) => stream({ id: "refused", metadata: metadata("flow", more) })

/** Everything that is written down while an effect runs: each line of three loggers, each span as it is exported. */
const recorded = <A, E, R>(effect: Effect.Effect<A, E, R>) => {
  const lines: Array<string> = []
  const spans: Array<Tracer.NativeSpan> = []
  const tracer = Tracer.make({
    span: (options) => {
      const span = new Tracer.NativeSpan(options)
      spans.push(span)
      return span
    }
  })
  const loggers = [Logger.formatJson, Logger.formatLogFmt, Logger.formatSimple].map((logger) =>
    Logger.map(logger, (line) => void lines.push(line))
  )
  return effect.pipe(
    Effect.provide(Logger.layer(loggers)),
    Effect.provideService(References.MinimumLogLevel, "All"),
    Effect.provideService(Tracer.Tracer, tracer),
    Effect.map(() => ({
      lines,
      spans: spans.map(({ attributes, events, name, status }) =>
        JSON.stringify([
          name,
          [...attributes],
          events.map(([name, , attributes]) => [name, attributes]),
          status._tag === "Ended" && Exit.isFailure(status.exit) ? Cause.pretty(status.exit.cause) : ""
        ])
      )
    }))
  )
}

describe("a connector with secrets", () => {
  it.live("tells them nowhere, nor what flows: replies, refusals, events, logs, spans", () =>
    Effect.gen(function*() {
      const sent: Array<string> = []
      const flowed: Array<string> = []
      const wire = (schema: DescMessage, message: Message) =>
        sent.push(Buffer.from(toBinary(schema, message)).toString("latin1"))
      /** Whether it went well; what would be sent is kept. */
      const told = <E extends ContractError>(call: Effect.Effect<unknown, E>) =>
        Effect.match(call, {
          onSuccess: () => "",
          onFailure: (error) => {
            wire(ResponseStatusSchema, ContractStatus.inBand(error))
            sent.push(String(error), Inspectable.toStringUnknown(error))
            return error._tag
          }
        })

      const { lines, spans } = yield* recorded(
        Effect.gen(function*() {
          const transport = yield* Transport.Transport
          const messages = yield* transport.subscription(Channel.ChannelName.make("c"))
          yield* Effect.forkScoped(
            Stream.runForEach(messages, ({ payloads }) =>
              Effect.sync(() => {
                for (const payload of payloads) flowed.push(new TextDecoder().decode(payload))
              }))
          )
          const { service } = yield* Serving.make(Vault, Options.resolve({ connectorId }))
          const set = (...payloads: ReadonlyArray<Payload>) =>
            told(service.setPayload(create(SetPayloadRequestSchema, { connectorId, payloads: [...payloads] })))
          const outcome = yield* set(
            config({ licence: secret }),
            stream({ id: "flow", metadata: metadata("flow", { nested: { tokens: [secret] } }) }),
            stream({ id: "fail", metadata: metadata("fail") }),
            stream({ id: "die", metadata: metadata("die") })
          )
          assert.strictEqual(outcome, "StreamsFailed")
          yield* untilTrue("a payload", () => flowed.length > 0)

          const refused: ReadonlyArray<Payload> = [
            flow({ password: canary }),
            flow({ password: [secret] }),
            flow({ pasword: secret }),
            flow({ mode: "?", nested: { tokens: [canary] } }),
            flow({ nested: { tokens: secret } }),
            flow({ broker: `tls://user:${secret}@host` }),
            flow({ broker: `user:${secret}@host` }),
            config({ licence: canary }),
            config({ level: "1", licence: secret })
          ]
          for (const payload of refused) assert.strictEqual(yield* set(payload), "InvalidPayloads")

          for (const kind of [PayloadKind.STREAM, PayloadKind.CONFIG]) {
            const request = create(GetPayloadRequestSchema, { connectorId, kind })
            for (const payload of yield* service.getPayload(request)) wire(PayloadSchema, payload)
          }
          const events = yield* service.getEvents(create(GetEventsRequestSchema, { connectorId }))
          for (const event of events) wire(EventPayloadSchema, event)
          assert.isAtLeast(events.length, 4)
        }).pipe(
          Effect.provide(
            RunningStreams.layer(Vault, {}).pipe(
              Layer.provideMerge(Layer.mergeAll(Events.layer, TransportTest.layer, vault))
            )
          ),
          Effect.scoped
        )
      )

      // It was there to be told.
      assert.deepStrictEqual(flowed, [`payload ${canary}`])
      const everything = [...sent, ...lines, ...spans].join("\n")
      assert.include(everything, "cannot log in to nats://<redacted>@host")
      assert.include(everything, "refused by nats://<redacted>@host")
      assert.include(everything, "defect in a stream")
      assert.include(everything, "ConnectorService.setPayload")
      assert.include(everything, "offered")
      for (const line of [...sent, ...lines, ...spans]) assert.notInclude(line, canary)
    }))
})
