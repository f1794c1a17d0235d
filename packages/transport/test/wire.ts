/** Bytes as servers send them, and what a parser makes of them, as text. */
import { Parser, type ParserEvent } from "@nats-io/transport-node"
import { ChunkParser, type Taker } from "../src/internal/fast/ChunkParser.ts"

/** Numbers from 0 up to below a limit, the same for the same seed. */
export const randomOf = (seed: number) => {
  let state = seed >>> 0
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return (t ^ (t >>> 14)) >>> 0
  }
  return (limit: number): number => next() % limit
}
export type Random = ReturnType<typeof randomOf>

export const pick = <A>(random: Random, of: ReadonlyArray<A>): A => of[random(of.length)]!

export const bytesOf = (...parts: ReadonlyArray<string | Uint8Array>): Uint8Array =>
  // no `Buffer`: its `slice` shares memory
  new Uint8Array(Buffer.concat(parts.map((part) => typeof part === "string" ? Buffer.from(part, "latin1") : part)))

/** Subscriptions that have a taker; the client has the others. */
export const ours = [3, 12, 100_000]
const others = [1, 2, 13, 999_999_999, 12_345_678_901]

const payload = (random: Random): Uint8Array => {
  const size = pick(random, [0, 0, 1, 2, 5, 9, 10, 16, 99, 100, 999, 1000, 3000])
  // newlines and the beginnings of frames in it mean nothing
  const alphabet = bytesOf("\r\nMSGHP+-I 0123\0\xff")
  return Uint8Array.from({ length: size }, () => alphabet[random(alphabet.length)]!)
}

const message = (random: Random): Uint8Array => {
  const body = payload(random)
  const sid = pick(random, random(3) === 0 ? others : ours)
  const subject = pick(random, ["a", "plant.line-1", "é.ü", "_INBOX.Ab3.12", "x".repeat(200)])
  // JetStream's acknowledgements have room for a subject to reply to, and none
  const reply = pick(random, ["", "", " ", " _INBOX.r.1", " 12", " 7a"])
  if (random(4) > 0) return bytesOf(`MSG ${subject} ${sid}${reply} ${body.length}\r\n`, body, "\r\n")
  const headers = pick(random, ["NATS/1.0\r\n\r\n", "NATS/1.0\r\nKps-Position: 3\r\n\r\n", "NATS/1.0 503\r\n\r\n"])
  const total = headers.length + body.length
  return bytesOf(`HMSG ${subject} ${sid}${reply} ${headers.length} ${total}\r\n`, headers, body, "\r\n")
}

/** What no server writes and the client reads all the same. */
const odd = (random: Random): Uint8Array =>
  bytesOf(pick(random, [
    "msg a 12 2\r\nhi\r\n",
    "MSG  a  12   2\r\nhi\r\n",
    "MSG\ta\t12\t2\r\nhi\r\n",
    "MSG a 12 2 \r\nhi\r\n",
    "MSG a 12 2\nhi\r\n",
    "MSG a 0012 002\r\nhi\r\n",
    // a message ends with the line after its payload, whatever is on it
    "MSG a 12 2\r\nhi\n\n",
    "MSG a 12 2\r\nhi and more\r\n",
    "hMsg a 12 12 14\r\nNATS/1.0\r\n\r\nhi\r\n",
    "+ok and more\r\n",
    "pInG\n",
    "PONG    \r\n",
    "-err\t'what'\n",
    "INFO\t{}\n"
  ]))

const control = (random: Random): Uint8Array =>
  bytesOf(pick(random, [
    "PING\r\n",
    "PONG\r\n",
    "+OK\r\n",
    "-ERR 'Permissions Violation for Publish to \"a\"'\r\n",
    "-ERR 'Slow Consumer'\r\n",
    `INFO {"max_payload":1048576,"connect_urls":[${"\"10.0.0.1:4222\",".repeat(random(100))}"a"]}\r\n`
  ]))

/** Frames as they may come, one after the other. */
export const traffic = (random: Random, frames: number): Uint8Array =>
  bytesOf(...Array.from({ length: frames }, () => {
    const kind = random(10)
    return kind < 7 ? message(random) : kind < 9 ? control(random) : odd(random)
  }))

const garbage = [
  "X",
  "\0",
  "MXG a 1 2\r\n",
  "MSG a 1\r\n",
  "MSG a b c\r\n",
  "MSG a -1 2\r\n",
  "MSG a \u0001 12 2\r\nhi\r\n",
  "MSG a 12 67108865\r\nhi\r\n",
  "MSG a 1234567890123456 2\r\nhi\r\n",
  "MSG a 12 9999999999999999\r\n",
  "HMSG a 12 14 12\r\nNATS/1.0\r\n\r\n\r\n",
  "HMSG a 12 2\r\nhi\r\n",
  "HPUB",
  "PUNG\r\n",
  "-OK\r\n",
  "+ERR\r\n",
  "INFX {}\r\n",
  "\r\n"
]

/** Frames with what is no frame among them. */
export const broken = (random: Random, frames: number): Uint8Array => {
  const bytes = bytesOf(
    traffic(random, random(frames)),
    random(2) === 0 ? pick(random, garbage) : "",
    traffic(random, frames)
  )
  if (random(2) === 0) { for (let i = random(4); i > 0; i--) bytes[random(bytes.length)] = random(256) }
  return bytes
}

/** The bytes in chunks; sizes come from `next`. Each chunk is its own memory, as those of a socket are. */
export const chunksOf = (bytes: Uint8Array, next: () => number): ReadonlyArray<Uint8Array> => {
  const chunks: Array<Uint8Array> = []
  for (let i = 0; i < bytes.length;) {
    const size = Math.max(1, next())
    chunks.push(bytes.slice(i, i + size))
    i += size
  }
  return chunks
}

export interface Read {
  readonly events: ReadonlyArray<string>
  readonly failed: boolean
}

const text = (bytes: Uint8Array | undefined): string => Buffer.from(bytes ?? []).toString("latin1")
const told = (sid: number, data: Uint8Array): string => `message ${sid}: ${text(data)}`
const toldHeaded = (sid: number, reply: Uint8Array, headers: Uint8Array, body: Uint8Array): string =>
  `headed ${sid} to ${text(reply)}: ${text(headers)}: ${text(body)}`
/** Of ours, those whose taker wants messages with headers. */
const headed = new Set([3, 12])

const dispatcher = (events: Array<string>) => ({
  push: ({ data, kind, msg }: ParserEvent) => {
    if (msg === undefined) events.push(`${kind}: ${text(data)}`)
    else if (headed.has(msg.sid) && msg.hdr > 0 && text(msg.reply) !== "") {
      events.push(toldHeaded(msg.sid, msg.reply!, data!.subarray(0, msg.hdr), data!.subarray(msg.hdr)))
    } // what a subscription of ours gets; its payload comes after the headers
    else if (ours.includes(msg.sid)) events.push(told(msg.sid, data!.subarray(Math.max(0, msg.hdr))))
    else events.push(`${text(msg.subject)} ${text(msg.reply)} ${msg.sid} ${msg.hdr} ${msg.size}: ${text(data)}`)
  }
})

const readAll = (chunks: ReadonlyArray<Uint8Array>, parse: (chunk: Uint8Array) => void): boolean => {
  try {
    for (const chunk of chunks) parse(chunk)
    return false
  } catch {
    return true
  }
}

/** By the client's parser alone. */
export const readByClient = (chunks: ReadonlyArray<Uint8Array>): Read => {
  const events: Array<string> = []
  const parser = new Parser(dispatcher(events))
  return { failed: readAll(chunks, (chunk) => parser.parse(chunk)), events }
}

/** By ours, with the client's behind it. */
export const readByOurs = (chunks: ReadonlyArray<Uint8Array>): Read & { readonly own: number } => {
  const events: Array<string> = []
  const counts = { inMsgs: 0, inBytes: 0 }
  const parser = new ChunkParser(new Parser(dispatcher(events)), counts)
  for (const sid of ours) {
    const acceptRange: Taker["acceptRange"] = (bytes, start, end) => events.push(told(sid, bytes.subarray(start, end)))
    const acceptHeaded: Taker["acceptHeaded"] = (bytes, reply, replyEnd, headers, body, end) =>
      events.push(
        toldHeaded(sid, bytes.subarray(reply, replyEnd), bytes.subarray(headers, body), bytes.subarray(body, end))
      )
    parser.feed(sid, headed.has(sid) ? { acceptRange, acceptHeaded } : { acceptRange })
  }
  return { failed: readAll(chunks, (chunk) => parser.parse(chunk)), events, own: counts.inMsgs }
}
