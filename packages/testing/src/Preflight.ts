/**
 * What is found out before the first case: whether there is a connector at all, and one that may be tested.
 *
 * @since 0.1.0
 */
import { PayloadKind } from "@kps/idl"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Reply from "./Reply.ts"
import * as TestStream from "./TestStream.ts"
import type { Wire } from "./Wire.ts"

/**
 * There is nothing to test where it was looked for.
 *
 * @category errors
 * @since 0.1.0
 */
export class NotReachable extends Schema.TaggedError<NotReachable>("@kps/testing/Preflight/NotReachable")(
  "NotReachable",
  { what: Schema.Literals(["connector", "broker"]), place: Schema.String, problem: Schema.String }
) {
  override get message(): string {
    return `no ${this.what} at ${this.place}: ${this.problem}`
  }
}

/**
 * There is a connector, and it cannot be tested like this.
 *
 * @category errors
 * @since 0.1.0
 */
export class NotTestable extends Schema.TaggedError<NotTestable>("@kps/testing/Preflight/NotTestable")(
  "NotTestable",
  { place: Schema.String, problem: Schema.String }
) {
  override get message(): string {
    return `the connector at ${this.place} cannot be tested: ${this.problem}`
  }
}

const nothing = ({ code, form, isSaid, message }: Reply.Reply<unknown>): string | undefined => {
  if (form !== "bare gRPC status") return undefined
  // by its status, or by HTTP's 404
  if (code === "UNIMPLEMENTED") return `what answers does not serve connector.v1.ConnectorService (${message})`
  if (isSaid) return undefined
  switch (code) {
    case "UNAVAILABLE":
      return message
    case "DEADLINE_EXCEEDED":
      return "something takes the connection and does not answer: is it a gRPC server?"
    default:
      if (/certificate|\b(?:ssl|tls)\b/i.test(message)) return `no connection with TLS: ${message}`
      return `what answers does not speak gRPC (${message})`
  }
}

/**
 * Fails unless a connector with the id of the description answers, and runs no streams but those of the suite.
 *
 * @category validation
 * @since 0.1.0
 */
export const check = Effect.fnUntraced(function*(
  wire: Wire,
  options: { readonly place: string; readonly id: string; readonly channelPrefix: string }
): Effect.fn.Return<void, NotReachable | NotTestable> {
  const { channelPrefix, id, place } = options
  const reply = yield* wire.getPayload({ kind: PayloadKind.STREAM })
  const problem = nothing(reply)
  if (problem !== undefined) return yield* new NotReachable({ what: "connector", place, problem })
  if (reply.value === undefined || reply.code !== "OK") {
    return yield* new NotTestable({
      place,
      problem: `GetPayload of its streams with the id ${JSON.stringify(id)} of the description: ${Reply.text(reply)}`
    })
  }
  const others = TestStream.listed(reply.value).filter(({ channel, subscribed }) =>
    subscribed && !channel.startsWith(`${channelPrefix}.`)
  )
  if (others.length > 0) {
    return yield* new NotTestable({
      place,
      problem: `it runs ${others.length === 1 ? "a stream" : `${others.length} streams`} of somebody else (${
        TestStream.text(others.slice(0, 3))
      }), and the suite would stop them`
    })
  }
})
