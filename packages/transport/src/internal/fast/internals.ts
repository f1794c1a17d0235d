/**
 * The parts of the client that the fast data path needs and that are not public: where they are, and whether they are
 * what they were when it was written.
 *
 * Three looks, at each connection: the version is on the list, the parts have their shape, and the parser reads a sample
 * as it should. Whatever is wrong is said in words, and the public way is taken.
 */
import type { NatsConnection, Parser, ParserEvent, ProtocolHandler } from "@nats-io/transport-node"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import type { Socket } from "node:net"
import { betweenFrames } from "./ChunkParser.ts"

/**
 * The versions of `@nats-io/transport-node` (each has its own of nats-core) that this was written for and tested with.
 * The tests fail when the installed one is not among them.
 */
export const versions: ReadonlyArray<string> = ["3.4.0"]

type Counts = Pick<ProtocolHandler, "inMsgs" | "inBytes" | "outMsgs" | "outBytes">

export interface Protocol extends Counts {
  readonly parser: Pick<Parser, "parse" | "state">
  readonly outbound: { readonly byteLength: number }
  readonly flushPending: () => void
  readonly transport: {
    readonly version: string
    readonly socket: Socket
    send: (bytes: Uint8Array) => void
  }
}

const at = (value: unknown, ...path: ReadonlyArray<string>): unknown =>
  path.reduce((value, key) => Predicate.hasProperty(value, key) ? value[key] : undefined, value)

/** What is there, and what it has to be. */
const parts: ReadonlyArray<readonly [ReadonlyArray<string>, (value: unknown) => boolean]> = [
  [["inMsgs"], Predicate.isNumber],
  [["inBytes"], Predicate.isNumber],
  [["outMsgs"], Predicate.isNumber],
  [["outBytes"], Predicate.isNumber],
  [["parser", "state"], Predicate.isNumber],
  [["parser", "parse"], Predicate.isFunction],
  [["parser", "constructor"], Predicate.isFunction],
  [["outbound", "byteLength"], Predicate.isNumber],
  [["flushPending"], Predicate.isFunction],
  [["transport", "send"], Predicate.isFunction],
  [["transport", "socket", "write"], Predicate.isFunction],
  [["transport", "socket", "writable"], Predicate.isBoolean]
]

const sample = [
  "PING\r\nMSG a 1 2\r\nhi\r\n-ERR 'no'\r\n",
  // cut where it hurts
  "MSG a 12 b 3\r\nh",
  "i!\r",
  "\nPONG\r\n"
]
const wanted = "4:;2:hi 1 2;1:'no';2:hi! 12 3;5:;"
const states = "0 1 1 0"

/** Whether a parser of this kind reads the sample as it should, and says when it is between frames. */
const readsSample = (kind: typeof Parser): boolean => {
  const text = (bytes: Uint8Array | undefined) => new TextDecoder().decode(bytes)
  let events = ""
  const push = ({ data, kind, msg }: ParserEvent) => {
    events += `${kind}:${text(data)}${msg === undefined ? "" : ` ${msg.sid} ${msg.size}`};`
  }
  const parser = new kind({ push })
  const after = sample.map((bytes) => {
    parser.parse(new TextEncoder().encode(bytes))
    return parser.state === betweenFrames ? 0 : 1
  })
  return events === wanted && after.join(" ") === states
}

/** The parts, or why they are not to be touched. */
export const of = (client: NatsConnection): Result.Result<Protocol, string> => {
  const protocol = at(client, "protocol")
  const version = at(protocol, "transport", "version")
  if (!Predicate.isString(version) || !versions.includes(version)) {
    return Result.fail(`it is not for version ${String(version)} of the client, only for ${versions.join(", ")}`)
  }
  const missing = parts.find(([path, is]) => !is(at(protocol, ...path)))
  if (missing !== undefined) return Result.fail(`the client has no "protocol.${missing[0].join(".")}" as it was`)
  const found = protocol as Protocol // looked at above
  return readsSample(found.parser.constructor as typeof Parser)
    ? Result.succeed(found)
    : Result.fail("the client's parser reads a sample otherwise")
}
