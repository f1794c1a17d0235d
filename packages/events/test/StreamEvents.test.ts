import { assert, describe, expectTypeOf, it } from "@effect/vitest"
import { Cause, Data, DateTime, Redacted, Schema } from "effect"
import { Event, type Events, StreamEvents } from "../src/index.ts"

class BrokerUnreachable extends Schema.TaggedError<BrokerUnreachable>("@x/BrokerUnreachable")("BrokerUnreachable", {
  broker: Schema.String,
  token: Schema.Redacted(Schema.String),
  cause: Schema.Defect()
}) {
  override get message() {
    return `cannot reach ${this.broker}`
  }
}
class Wordless extends Data.TaggedError("Wordless")<{ readonly code: number; readonly token: unknown }> {}

const unreachable = (cause: unknown) =>
  new BrokerUnreachable({ broker: "a:4222", token: Redacted.make("canary"), cause })
const failure = (cause: Cause.Cause<unknown>) =>
  StreamEvents.failure({ streamId: "s-1", cause, since: DateTime.makeUnsafe(0), attempts: 3 })

describe("StreamEvents", () => {
  it("has the original's names, messages, severities and states", () => {
    const { streamHealthy, streamStarted, streamUnhealthy } = StreamEvents
    assert.deepStrictEqual(
      [streamStarted, streamHealthy, streamUnhealthy].map(({ message, name, state }) => [name, state, message]),
      [
        ["streamStarted", "PROVISIONED", "stream has successfully started"],
        ["streamHealthy", "HEALTHY", "stream is healthy"],
        ["streamUnhealthy", "UNHEALTHY", "stream is unhealthy"]
      ]
    )
    const { transportPublishFailed, transportSubscribeFailed, transportUnsubscribeFailed } = StreamEvents
    assert.deepStrictEqual(
      [transportPublishFailed, transportSubscribeFailed, transportUnsubscribeFailed].map((
        { message, name, severity, state }
      ) => [name, severity, state, message]),
      [
        ["transportPublishFailed", "CRITICAL", "FAILED", "failed to publish message on transport"],
        ["transportSubscribeFailed", "CRITICAL", "FAILED", "failed to subscribe to transport"],
        ["transportUnsubscribeFailed", "CRITICAL", "FAILED", "failed to unsubscribe from transport"]
      ]
    )
  })

  it("has one slot for all statuses of a stream, and a slot of its own for each alert", () => {
    const definitions = Object.values(StreamEvents).filter((value) => typeof value === "object" && "slot" in value)
    const slots = (kind: string) => definitions.filter((one) => one.kind === kind).map(({ slot }) => slot)
    assert.deepStrictEqual(new Set(slots("status")), new Set(["stream"]))
    assert.strictEqual(new Set(slots("alert")).size, slots("alert").length)
    assert.isAbove(slots("alert").length, 8)
  })

  it("always has the original's three metadata keys", () => {
    assert.deepStrictEqual(StreamEvents.metadata({}), { ErrorMessage: "", StreamID: "", ExtraMessage: {} })
    assert.deepStrictEqual(
      StreamEvents.Metadata.make({ ErrorMessage: "e" }),
      { ErrorMessage: "e", StreamID: "", ExtraMessage: {} }
    )
    assert.deepStrictEqual(
      StreamEvents.metadata({ errorMessage: "e", streamId: "s", extra: { n: 1 } }),
      { ErrorMessage: "e", StreamID: "s", ExtraMessage: { n: 1 } }
    )
  })

  it("tells the whole cause of a failure, since when, how often, and when it is tried again", () => {
    const connection = new TypeError("refused", { cause: new Error("no route") })
    const cause = Cause.combine(Cause.fail(unreachable(connection)), Cause.die("finalizer broke"))

    assert.deepStrictEqual(
      StreamEvents.failure({
        streamId: "s-1",
        cause,
        since: DateTime.makeUnsafe(1_000),
        attempts: 2,
        nextRetry: DateTime.makeUnsafe(2_500)
      }),
      {
        ErrorMessage: "BrokerUnreachable: cannot reach a:4222",
        StreamID: "s-1",
        ExtraMessage: {
          cause: "BrokerUnreachable: cannot reach a:4222, caused by TypeError: refused, caused by no route; "
            + "finalizer broke",
          since: "1970-01-01T00:00:01.000Z",
          attempts: 2,
          nextRetry: "1970-01-01T00:00:02.500Z"
        }
      }
    )
  })

  it("has no next retry when there is none", () => {
    assert.notProperty(failure(Cause.fail("x")).ExtraMessage, "nextRetry")
  })

  it("puts any error into words, and no secret", () => {
    const wordless = new Wordless({ code: 7, token: Redacted.make("canary") })
    const { ExtraMessage, ErrorMessage } = failure(Cause.fail(wordless))
    assert.match(ErrorMessage, /^Wordless \{.*"code":7/)
    assert.notInclude(JSON.stringify([ExtraMessage, ErrorMessage]), "canary")
    const words = (cause: Cause.Cause<unknown>) => failure(cause).ErrorMessage
    assert.strictEqual(words(Cause.fail(undefined)), "undefined")
    assert.strictEqual(words(Cause.fail({ _tag: "Plain", message: "said" })), "Plain: said")
    assert.strictEqual(words(Cause.fail(new Error("said"))), "said")
    assert.strictEqual(words(Cause.interrupt(1)), "interrupted")
    assert.strictEqual(words(Cause.combine(Cause.interrupt(1), Cause.fail("second"))), "second")
    assert.strictEqual(words(Cause.empty), "")
  })

  it("does not follow errors that are their own cause, nor say the same twice", () => {
    const loop = new Error("loop")
    loop.cause = loop
    const pair = new Error("a", { cause: new Error("b") })
    assert(pair.cause instanceof Error)
    pair.cause.cause = pair
    assert.strictEqual(failure(Cause.fail(loop)).ExtraMessage["cause"], "loop")
    assert.isBelow(JSON.stringify(failure(Cause.fail(pair)).ExtraMessage).length, 200)
  })
})

describe("Event", () => {
  const typed = Event.alert("typed", {
    message: "m",
    severity: "INFO",
    metadata: Schema.Struct({ at: Schema.Date })
  })

  it("gives definitions their defaults", () => {
    assert.deepInclude(Event.alert("a", { message: "m", severity: "INFO" }), {
      kind: "alert",
      slot: "a",
      state: "FAILED"
    })
    assert.deepInclude(Event.status("s", { message: "m", state: "HEALTHY" }), { kind: "status", slot: "s" })
    assert.deepInclude(typed, { name: "typed", message: "m", severity: "INFO" })
  })

  it("types metadata by its schema", () => {
    type Service = Events.Events["Service"]
    const raise = (events: Service) => events.raise(typed, { metadata: { at: new Date(0) } })
    // @ts-expect-error metadata of another type
    const mistake = (events: Service) => events.raise(typed, { metadata: { at: "1970" } })
    // @ts-expect-error a status is set, not raised
    const raised = (events: Service) => events.raise(StreamEvents.streamHealthy)
    // @ts-expect-error a status is replaced, not cleared
    const cleared = (events: Service) => events.clear(StreamEvents.streamHealthy)

    expectTypeOf(typed.name).toEqualTypeOf<"typed">()
    expectTypeOf(typed).toExtend<Event.AlertDefinition<string, Event.MetadataCodec>>()
    assert.lengthOf([raise, mistake, raised, cleared], 4)
  })
})
