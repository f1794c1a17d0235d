/**
 * What of a message is not shown to whoever looks on.
 *
 * @since 0.1.0
 */
import * as Result from "effect/Result"

const marker = "<redacted>"

const maxChars = 1_000
const maxHexBytes = 64

/** No more is looked at, and what is longer is not taken for JSON. */
const maxBytes = 65_536

/** Names of what should not be seen, in any spelling: `password`, `apiKey`, `client_secret`, `Authorization`. */
const secretName =
  /pass(?:word|wd|phrase|code)?$|secret|token|credential|authorization|api[-_]?key|access[-_]?key|private[-_]?key|cookie/i

/**
 * None of them looks further back or ahead than so many characters before it knows whether it fits: a message of one word
 * over and over takes no longer than any other.
 */
const patterns: ReadonlyArray<readonly [RegExp, string]> = [
  // User info of a URL.
  [/((?<![a-z0-9+.-])[a-z][a-z0-9+.-]{0,30}:\/\/)[^\s/@"']+@/gi, `$1${marker}@`],
  [/\b(Bearer|Basic)\s{1,16}[A-Za-z0-9._~+/=-]{8,}/gi, `$1 ${marker}`],
  // A JSON Web Token, wherever it is.
  [/(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+/g, marker],
  [/-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]{0,40}PRIVATE KEY-----|$)/g, marker],
  // `password=…`, `token: …`, and `"password":"…"` of JSON that is cut or has something else beside it
  [
    /((?:password|passwd|secret|token|api[-_]?key|access[-_]?key)[\w-]{0,64}["']?\s{0,16}[=:]\s{0,16})(?:"[^"]*"|'[^']*'|[^\s,;&"']+)/gi,
    `$1${marker}`
  ]
]

/**
 * A payload for the eye.
 *
 * @category models
 * @since 0.1.0
 */
export interface Shown {
  readonly byteLength: number
  readonly text?: string
  readonly hex?: string
}

/**
 * A payload as it may be shown: its text with `<redacted>` for what looks like a secret, at most 1,000 characters; or its
 * first 64 bytes in hexadecimal where it is no text.
 *
 * **Details**
 *
 * In JSON, the values of keys whose names say that they are secret; in any text, user info of URLs, bearer tokens, JSON
 * Web Tokens, private keys, and what follows `password=` and the like. What does not look like a secret is shown though it
 * may be one.
 *
 * @category converting
 * @since 0.1.0
 */
export const show = (payload: Uint8Array): Shown => {
  const { byteLength } = payload
  const head = payload.subarray(0, maxBytes)
  const text = textOf(head, byteLength > maxBytes)
  if (text === undefined) return { byteLength, hex: Buffer.from(payload.subarray(0, maxHexBytes)).toString("hex") }
  const shown = redact(text)
  return { byteLength, text: shown.length > maxChars || byteLength > maxBytes ? `${shown.slice(0, maxChars)}…` : shown }
}

/**
 * A text with `<redacted>` for what looks like a secret.
 *
 * @category converting
 * @since 0.1.0
 */
export const redact = (text: string): string => {
  // what is nested too deeply for it is no JSON here
  const json = /^\s*[[{]/.test(text) ? Result.getOrUndefined(Result.try(() => redactJson(text))) : undefined
  return json ?? plain(text)
}

const redactJson = (text: string): string => {
  const value: unknown = JSON.parse(text)
  const redacted = JSON.stringify(
    value,
    (key, value: unknown) =>
      typeof value === "string" ? secretName.test(key) ? marker : plain(value) : secretName.test(key) ? marker : value
  )
  // What has nothing to hide is shown as it is, with its white space.
  return redacted === JSON.stringify(value) ? text : redacted
}

const plain = (text: string): string =>
  patterns.reduce((text, [pattern, replacement]) => text.replaceAll(pattern, replacement), text)

const textOf = (bytes: Uint8Array, isCut: boolean): string | undefined => {
  const decoded = Result.try(() => new TextDecoder("utf-8", { fatal: true }).decode(bytes, { stream: isCut }))
  // oxlint-disable-next-line no-control-regex -- what has these is no text
  if (Result.isFailure(decoded) || /[\u0000-\u0008\u000e-\u001f]/.test(decoded.success)) return undefined
  return decoded.success
}
