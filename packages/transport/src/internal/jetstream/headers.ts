/** The headers of a stored message. */
import type { Headers } from "./Incoming.ts"

export const messageId = "Nats-Msg-Id"
export const position = "Kps-Position"
export const epoch = "Kps-Epoch"

const begin = "NATS/1.0\r\n"

/** What a message must find on the channel to be stored. */
export type Expectation =
  | { readonly _tag: "Nothing" }
  | { readonly _tag: "LastId"; readonly id: string }
  | { readonly _tag: "LastSequence"; readonly sequence: number }

export const nothing: Expectation = { _tag: "Nothing" }

/** The lines that are the same at every try. */
export const fixed = (id: string, at: string | undefined, writerEpoch: number | undefined): string =>
  `${messageId}: ${id}\r\n${at === undefined ? "" : `${position}: ${at}\r\n`}${
    writerEpoch === undefined ? "" : `${epoch}: ${writerEpoch}\r\n`
  }`

const expected = (expectation: Expectation): string => {
  switch (expectation._tag) {
    case "Nothing":
      return ""
    case "LastId":
      return `Nats-Expected-Last-Msg-Id: ${expectation.id}\r\n`
    case "LastSequence":
      return `Nats-Expected-Last-Sequence: ${expectation.sequence}\r\n`
  }
}

/** As it is on the wire. */
export const encode = (fixedLines: string, expectation: Expectation): string =>
  `${begin}${fixedLines}${expected(expectation)}\r\n`

/** Most bytes of the lines that are there without a position and an id of the caller's. */
export const reserveBytes = 512

/** Why a value cannot be one of a header, or `undefined`. */
export const problemOf = (value: string, maxBytes: number): string | undefined => {
  if (value === "") return "it is empty"
  if (/[\r\n]/.test(value) || value.trim() !== value) return "it has a line break, or white space at an end"
  const byteLength = Buffer.byteLength(value)
  return byteLength > maxBytes ? `it has ${byteLength} bytes, the limit is ${maxBytes} bytes` : undefined
}

/** The value of a header, if it is there. */
export const valueOf = (headers: Headers, name: string): string | undefined =>
  headers.find(([other]) => other === name)?.[1]

export const epochOf = (headers: Headers): number | undefined => {
  const value = Number(valueOf(headers, epoch))
  return Number.isSafeInteger(value) ? value : undefined
}
