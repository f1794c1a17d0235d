/** What is known of a dead letter, as one header of the message that has its bytes. */
import { Channel } from "@kps/transport"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type { Letter } from "../DeadLetters.ts"

/** The name of the header: JSON in ASCII with a version. */
export const headerName = "Kps-Dead-Letter"

const version = 1

const About = Schema.Struct({
  instance: Schema.String,
  stream: Schema.String,
  channel: Channel.ChannelName,
  kind: Schema.Literals(["payload", "frame"]),
  byteLength: Schema.Int,
  /** So many of the bytes are in the same message; the others are in the tail. */
  here: Schema.Int,
  timestampNanos: Schema.BigInt,
  headers: Schema.Array(Schema.Tuple([Schema.String, Schema.String])),
  key: Schema.String,
  tag: Schema.String,
  cause: Schema.String,
  attempts: Schema.Int,
  firstTriedMillis: Schema.Int,
  lastTriedMillis: Schema.Int
})

export type About = typeof About.Type

const text = Schema.fromJsonString(
  Schema.toCodecJson(Schema.Struct({ version: Schema.Literal(version), about: About }))
)
const encodeText = Schema.encodeSync(text)
const decodeText = Schema.decodeUnknownEffect(text)

/** Of a letter whose first `here` bytes are with it. */
const encode = ({ bytes, ...letter }: Letter, here: number): string =>
  encodeText({ version, about: { ...letter, byteLength: bytes.length, here } }).replaceAll(
    /[^\x20-\x7e]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`
  )

/** What the client and the server put around the bytes and this header. */
const overheadBytes = 1_024

/** What the header says, and how many of the bytes go with it into one message. */
export const split = (letter: Letter, maxPayload: number): { readonly about: string; readonly here: number } => {
  const { length } = letter.bytes
  const about = encode(letter, length)
  const room = Math.max(0, maxPayload - about.length - overheadBytes)
  return length <= room ? { about, here: length } : { about: encode(letter, room), here: room }
}

/** Fails with what is wrong with it. */
export const decode = (header: string): Effect.Effect<About, string> =>
  header === ""
    ? Effect.fail(`it has no header ${headerName}`)
    : decodeText(header).pipe(
      Effect.map(({ about }) => about),
      Effect.mapError((error) => error.message.replaceAll(/\s*\n\s*/g, " "))
    )
