/**
 * Where a connector is served, as `host:port`.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { isIPv6 } from "node:net"
import { quoted } from "./internal/text.ts"

/**
 * The text is no `host:port`.
 *
 * @category errors
 * @since 0.1.0
 */
export class InvalidEndpoint extends Schema.TaggedError<InvalidEndpoint>(
  "@kps/client/Endpoint/InvalidEndpoint"
)("InvalidEndpoint", {
  endpoint: Schema.String,
  problem: Schema.Literals([
    "it has a scheme",
    "it has no port",
    "its port is not between 1 and 65535",
    "its host is no name and no address"
  ])
}) {
  override get message(): string {
    return `want an endpoint as host:port, such as "127.0.0.1:8000", got ${quoted(this.endpoint)}: ${this.problem}`
  }
  get isRetryable(): boolean {
    return false
  }
}

const hostName = /^[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*\.?$/i

/**
 * Checks an endpoint: a name, an IPv4 address or an IPv6 address in brackets, a colon, and a port from 1 to 65535.
 *
 * @category constructors
 * @since 0.1.0
 */
export const parse = Effect.fnUntraced(function*(endpoint: string): Effect.fn.Return<string, InvalidEndpoint> {
  const refuse = (problem: InvalidEndpoint["problem"]) => new InvalidEndpoint({ endpoint, problem })
  if (endpoint.includes("://")) return yield* refuse("it has a scheme")
  const [, host, port] = /^(.*):([^:\]]*)$/s.exec(endpoint) ?? []
  if (host === undefined || port === undefined || port === "") return yield* refuse("it has no port")
  if (!/^[0-9]{1,5}$/.test(port) || Number(port) < 1 || Number(port) > 65_535) {
    return yield* refuse("its port is not between 1 and 65535")
  }
  const inBrackets = /^\[(.*)\]$/s.exec(host)?.[1]
  const isHost = inBrackets === undefined ? hostName.test(host) : isIPv6(inBrackets)
  // what looks like an address and is none, such as 256.1.1.1, is no URL either
  if (!isHost || !URL.canParse(`http://${endpoint}`)) return yield* refuse("its host is no name and no address")
  return endpoint
})
