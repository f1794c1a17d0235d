import { assert, it } from "@effect/vitest"
import { headers, type Msg } from "@nats-io/transport-node"
import { Puller } from "../src/internal/jetstream/Puller.ts"
import type { Session } from "../src/internal/jetstream/Session.ts"

const utf8 = new TextEncoder()

/** A puller on a session that records what is asked for, and that a test answers. */
const pulling = () => {
  const asked: Array<{ readonly batch: number; readonly max_bytes: number; readonly reply: string }> = []
  const subscribed = new Map<string, Parameters<Session["subscribe"]>>()
  const session = {
    onEnd: () => () => undefined,
    subscribe: (...subscription: Parameters<Session["subscribe"]>) => {
      subscribed.set(subscription[0], subscription)
      return { unsubscribe: () => subscribed.delete(subscription[0]) }
    },
    publish: (_: string, body: string, { reply }: { readonly reply: string }) =>
      asked.push({ ...JSON.parse(body), reply })
  } as unknown as Session // what a puller needs of one
  let came = 0
  const puller = new Puller({
    session,
    stream: "S",
    consumer: "c",
    now: () => 0,
    onMessage: () => void came++,
    onRoom: () => undefined,
    onOver: () => undefined
  })
  return {
    puller,
    asked,
    came: () => came,
    subscriptions: () => subscribed.size,
    /** A message for the request, as it stands in a chunk. */
    frame: (inbox: string) => {
      const reply = "$JS.ACK.S.c.1.1.1.0.0"
      const line = "HMSG plant.line-1 12 "
      const bytes = utf8.encode(`${line}${reply} 12 13\r\nNATS/1.0\r\n\r\nx\r\n`)
      const start = bytes.length - 15
      subscribed.get(inbox)?.[2](bytes, line.length, line.length + reply.length, start, start + 12, start + 13)
    },
    /** A message for the request, as the client reads it. */
    message: (inbox: string) =>
      subscribed.get(inbox)?.[1](
        null,
        { subject: "plant.line-1", reply: "$JS.ACK.S.c.1.1.1.0.0", data: new Uint8Array(1) } as Msg // what is read of one
      ),
    status: (inbox: string, code: number, description: string) =>
      subscribed.get(inbox)?.[1](
        null,
        { subject: inbox, reply: "", headers: headers(code, description) } as Msg // what is read of one
      )
  }
}

it("charges what comes to the request that it is for, and ends the one that a status is for", () => {
  const { asked, came, frame, message, puller, status, subscriptions } = pulling()
  puller.fill(10, 100_000)
  puller.fill(20, 200_000)
  const [first, second] = asked.map(({ reply }) => reply)
  assert(first !== undefined && second !== undefined)
  for (let i = 0; i < 3; i++) frame(second)
  for (let i = 0; i < 2; i++) message(second)
  status(first, 409, "Message Size Exceeds MaxBytes")
  puller.fill(20, 200_000)
  const open = subscriptions()
  puller.close()

  assert.strictEqual(came(), 5)
  assert.deepStrictEqual([open, subscriptions()], [2, 0])
  // five of the second request are still to come
  assert.deepStrictEqual(asked.map(({ batch }) => batch), [10, 10, 15])
  assert.strictEqual(asked[2]?.max_bytes, 200_000 - (100_000 - 5 * 257))
})
