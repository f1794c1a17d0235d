import { assert, describe, it } from "@effect/vitest"
import { ClientError, ConnectorClient } from "@kps/client"
import { Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { Conversation } from "../../src/reconciler/Conversation.ts"
import type { InstancePlan } from "../../src/reconciler/DomainPlan.ts"
import { InstanceState } from "../../src/reconciler/InstanceState.ts"
import * as StreamChannel from "../../src/reconciler/StreamChannel.ts"

const stream = (id: string, subject = id) => ({
  id,
  name: id,
  direction: "INGRESS" as const,
  channel: StreamChannel.of(id),
  metadata: { subject }
})

const plan = (more: Partial<InstancePlan>): InstancePlan => ({
  id: "i",
  name: "i",
  projectId: "p",
  className: "c",
  classVersion: "1",
  config: {},
  streams: [],
  ...more
})

type Client = ConnectorClient.ConnectorClient["Service"]

const endpoint = "host:1"

/** A connector that says what it is told to, and notes what it was sent: configs, and ids of streams. */
const connector = (answers: Partial<Pick<Client, "getConfig" | "health" | "setPayload">>) => {
  const sent: Array<unknown> = []
  const client = ConnectorClient.ConnectorClient.of({
    getConfig: Effect.succeed({}),
    health: () => Effect.succeed("SERVING"),
    ...answers,
    setPayload: (payloads) => {
      sent.push(payloads.map(({ object }) => object?.case === "stream" ? object.value.id : object?.value?.metadata))
      return answers.setPayload?.(payloads) ?? Effect.void
    },
    getPayload: () => Effect.die("not asked for"),
    getStreams: Effect.die("not asked for"),
    setStreams: () => Effect.die("not asked for"),
    setConfig: () => Effect.die("not asked for"),
    getEvents: Effect.die("not asked for"),
    watchHealth: () => {
      throw new Error("not asked for")
    }
  })
  return { client, sent }
}

const refused = (...fields: ReadonlyArray<string>) =>
  new ClientError.InvalidRequest({
    endpoint,
    rpc: "SetPayload",
    text: "no",
    violations: fields.map((field) => ({ field, description: "wrong" }))
  })

describe("Conversation", () => {
  it.effect("deletes keys of the config that are gone, by what the connector has and by what it was told", () =>
    Effect.gen(function*() {
      const { client, sent } = connector({ getConfig: Effect.succeed({ old: 1, kept: 1 }) })
      const state = new InstanceState(plan({ config: { kept: 2, more: 3 }, streams: [stream("x")] }), () => 0)
      const conversation = new Conversation(client, state)
      yield* conversation.apply
      state.update(plan({ config: { kept: 2 }, streams: [stream("x")] }))
      yield* conversation.apply
      yield* conversation.apply

      assert.deepStrictEqual(sent, [
        [{ old: null, kept: 2, more: 3 }, "x"],
        [{ more: null, kept: 2 }, "x"],
        [{ kept: 2 }, "x"]
      ])
    }))

  it.effect("leaves out what is refused by name, again and again, and asks for the rest", () =>
    Effect.gen(function*() {
      const answers = [refused("payloads[1].stream.id"), refused("payloads[0].config.metadata.a")]
      const { client, sent } = connector({
        setPayload: () => {
          const answer = answers.shift()
          return answer === undefined ? Effect.void : Effect.fail(answer)
        }
      })
      const state = new InstanceState(plan({ config: { a: 1 }, streams: [stream("x"), stream("y")] }), () => 0)
      yield* new Conversation(client, state).apply

      assert.deepStrictEqual(sent, [[{ a: 1 }, "x", "y"], [{ a: 1 }, "y"], ["y"]])
      assert.deepStrictEqual(state.view.streams.map(({ cause }) => cause), ["id: wrong", undefined])
      assert.deepStrictEqual(state.standing.map(({ message, name, stream }) => [name, stream, message]), [
        ["configRefused", undefined, "metadata.a: wrong"],
        ["streamRefused", "x", "id: wrong"]
      ])
    }))

  it.effect("fails with what is refused as a whole", () =>
    Effect.gen(function*() {
      const { client } = connector({ setPayload: () => Effect.fail(refused("connector_id")) })
      const state = new InstanceState(plan({ streams: [stream("x")] }), () => 0)
      const error = yield* Effect.flip(new Conversation(client, state).apply)

      assert.strictEqual(error._tag, "InvalidRequest")
    }))

  it.effect("takes streams that do not run yet for asked for", () =>
    Effect.gen(function*() {
      const { client } = connector({
        setPayload: () =>
          Effect.fail(
            new ClientError.StreamsFailed({
              endpoint,
              rpc: "SetPayload",
              code: "UNAVAILABLE",
              text: "no",
              failures: [{ streamId: "x", reason: "Away", code: "UNAVAILABLE", message: "away", retryAfterMillis: 5 }]
            })
          )
      })
      const state = new InstanceState(plan({ streams: [stream("x")] }), () => 0)
      yield* new Conversation(client, state).apply

      assert.strictEqual(state.view.streams[0]?.cause, "UNAVAILABLE: away")
      assert.deepStrictEqual(state.standing, [])
    }))

  it.effect("tells a connector without health of a stream that changed in two steps", () =>
    Effect.gen(function*() {
      const { client, sent } = connector({
        health: () =>
          Effect.fail(
            new ClientError.Rejected({ endpoint, rpc: "Check", code: "UNIMPLEMENTED", text: "no", details: [] })
          )
      })
      const state = new InstanceState(plan({ streams: [stream("x"), stream("y")] }), () => 0)
      const conversation = new Conversation(client, state)
      yield* conversation.ready
      yield* conversation.apply
      state.update(plan({ streams: [stream("x", "other"), stream("y")] }))
      yield* conversation.apply

      assert.isTrue(conversation.isOriginal)
      assert.deepStrictEqual(sent, [["x", "y"], ["y"], ["x", "y"]])
    }))

  it.effect("waits for a connector that is away, and not for ever for one that does not serve", () =>
    Effect.gen(function*() {
      let health: "away" | "NOT_SERVING" = "away"
      const { client } = connector({
        health: () =>
          Effect.suspend(() =>
            health === "away"
              ? Effect.fail(
                new ClientError.Unreachable({ endpoint, rpc: "Check", text: "refused", cause: new Error("refused") })
              )
              : Effect.succeed(health)
          )
      })
      const state = new InstanceState(plan({}), () => 0)
      const ready = yield* Effect.forkChild(new Conversation(client, state).ready, { startImmediately: true })
      yield* TestClock.adjust("5 minutes")
      assert.strictEqual(ready.pollUnsafe(), undefined)
      assert.strictEqual(state.view.cause, "cannot reach a connector at host:1: refused")
      health = "NOT_SERVING"
      yield* TestClock.adjust("12 seconds")

      yield* Fiber.join(ready)
    }))
})
