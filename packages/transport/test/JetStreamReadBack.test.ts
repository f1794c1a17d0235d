import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as readBack from "../src/internal/jetstream/readBack.ts"
import type { Session } from "../src/internal/jetstream/Session.ts"
import { channelOf } from "./support.ts"

const channel = channelOf("plant.line-1")
const stream = {
  name: "KPS_s",
  created: "",
  firstSequence: 1,
  lastSequence: 9,
  retention: "limits" as const,
  maxMessageBytes: 1024
}

interface Answer {
  readonly reply?: string
  readonly headers?: { readonly code: number; readonly description: string }
}

const stored = (sequence: number, pending: number): Answer => ({
  reply: `$JS.ACK.KPS_s.c.1.${sequence}.${sequence}.0.${pending}`
})
const status = (code: number, description: string): Answer => ({ headers: { code, description } })

/** A session whose consumer answers each request with one of these. */
const answering = (...answers: ReadonlyArray<ReadonlyArray<Answer>>) => {
  let asked = 0
  let callback = (_error: null, _answer: Answer) => {}
  let subscriptions = 0
  const session = {
    whenOver: Effect.never,
    call: () => Effect.succeed({ name: "c" }),
    client: {
      isClosed: () => false,
      subscribe: (_: string, options: { readonly callback: typeof callback }) => {
        callback = options.callback
        subscriptions++
        return { unsubscribe: () => void subscriptions-- }
      }
    },
    publish: () => {
      for (const answer of answers[asked++] ?? []) callback(null, answer)
      return true
    }
  }
  // all that is needed of it
  return { session: session as unknown as Session, subscriptions: () => subscriptions }
}

const sequencesOf = ({ session, subscriptions }: ReturnType<typeof answering>) =>
  Effect.suspend(() => {
    const sequences: Array<number> = []
    return readBack.range(session, channel, stream, 7, 9, ({ sequence }) => void sequences.push(sequence)).pipe(
      Effect.as(sequences),
      // however it ends
      Effect.ensuring(Effect.sync(() => assert.strictEqual(subscriptions(), 0)))
    )
  })

describe("what is read back", () => {
  it.effect("ends at the last message", () =>
    Effect.gen(function*() {
      const session = answering([stored(7, 2), stored(8, 1), stored(9, 0)])

      assert.deepStrictEqual(yield* sequencesOf(session), [7, 8, 9])
    }))

  it.effect("ends when there is no more, though the last ones were removed meanwhile", () =>
    Effect.gen(function*() {
      const session = answering([stored(7, 0)], [status(404, "No Messages")])

      assert.deepStrictEqual(yield* sequencesOf(session), [7])
    }))

  for (
    const [code, description] of [[503, ""], [409, "Leadership Change"], [409, "Consumer Deleted"]] as const
  ) {
    it.effect(`is not taken for all there is after ${code} ${description}`, () =>
      Effect.gen(function*() {
        const error = yield* Effect.flip(sequencesOf(answering([stored(7, 2), status(code, description)])))

        assert(error._tag === "TransportError")
        assert.include(error.message, `read back stream "KPS_s"`)
        assert.include(error.message, `(${code})`)
      }))
  }
})
