/**
 * Dead letters as they are printed.
 *
 * @since 0.1.0
 */
import type { DeadLetters } from "@kps/server"
import * as Output from "./Output.ts"

/** So many bytes are shown of a payload. */
const previewBytes = 256

/**
 * A row of the list.
 *
 * @category models
 * @since 0.1.0
 */
export interface Summary {
  readonly id: string
  readonly stream: string
  readonly channel: string
  readonly kind: "payload" | "frame"
  readonly bytes: number
  readonly error: string
  readonly cause: string
  readonly attempts: number
  readonly firstTried: string
  readonly lastTried: string
  readonly replays: number
}

const iso = (millis: number): string => new Date(millis).toISOString()

/**
 * @category views
 * @since 0.1.0
 */
export const summary = (letter: DeadLetters.Summary): Summary => ({
  id: letter.id,
  stream: letter.stream,
  channel: letter.channel,
  kind: letter.kind,
  bytes: letter.byteLength,
  error: letter.tag,
  cause: letter.cause,
  attempts: letter.attempts,
  firstTried: iso(letter.firstTriedMillis),
  lastTried: iso(letter.lastTriedMillis),
  replays: letter.replays
})

/**
 * @category views
 * @since 0.1.0
 */
export const columns: ReadonlyArray<Output.Column<Summary>> = [
  { header: "ID", cell: ({ id }) => id },
  { header: "STREAM", cell: ({ stream }) => stream },
  { header: "KIND", cell: ({ kind }) => kind },
  { header: "BYTES", cell: ({ bytes }) => String(bytes) },
  { header: "ATTEMPTS", cell: ({ attempts }) => String(attempts) },
  { header: "LAST TRIED", cell: ({ lastTried }) => lastTried },
  { header: "REPLAYS", cell: ({ replays }) => String(replays) },
  { header: "CAUSE", cell: ({ cause, error }) => `${error}: ${cause}` }
]

/**
 * One letter in full, but for its bytes: of those the first 256, as text where they are UTF-8, and in hexadecimal.
 *
 * @category models
 * @since 0.1.0
 */
export interface Detail extends Summary {
  readonly timestamp: string
  readonly headers: ReadonlyArray<readonly [string, string]>
  readonly preview: { readonly text?: string; readonly hex: string; readonly complete: boolean }
}

/**
 * @category views
 * @since 0.1.0
 */
export const detail = (letter: DeadLetters.DeadLetter): Detail => {
  const first = letter.bytes.subarray(0, previewBytes)
  const complete = first.length === letter.bytes.length
  const text = textOf(first, complete)
  return {
    ...summary(letter),
    timestamp: String(letter.timestampNanos),
    headers: letter.headers,
    preview: { ...(text === undefined ? {} : { text }), hex: Buffer.from(first).toString("hex"), complete }
  }
}

/** Nothing where it is no UTF-8; a character that is cut at the end does not count. */
const textOf = (bytes: Uint8Array, complete: boolean): string | undefined => {
  const text = new TextDecoder().decode(bytes, { stream: !complete })
  return text.includes("\ufffd") ? undefined : text
}

/**
 * For people: a line for each thing.
 *
 * @category rendering
 * @since 0.1.0
 */
export const text = ({ headers, preview, ...detail }: Detail): string =>
  [
    ...Object.entries(detail).map(([key, value]) => `${key}: ${value}`),
    ...headers.map(([name, value]) => `header: ${name}: ${value}`),
    ...(preview.text === undefined ? [] : [`text: ${JSON.stringify(preview.text)}`]),
    `hex: ${preview.hex}`,
    ...(preview.complete ? [] : ["more: --raw writes all of its bytes"])
  ].map(Output.printable).join("\n")
