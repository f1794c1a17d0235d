/** Values that do not fit into one message of the broker: an object has them, and the value of the key leads there. */
import * as Option from "effect/Option"

/** Half of what a NATS server takes in one message by default. */
const maxBytes = 524_288

/** The first byte of a value that leads to an object: no text begins so. */
const marker = 1

export const isLarge = (value: Uint8Array): boolean => value.length > maxBytes

export const leadingTo = (object: string): Uint8Array =>
  new TextEncoder().encode(`${String.fromCharCode(marker)}${object}`)

/** The name of the object that a value leads to; none where it is a value itself. */
export const objectOf = (value: Uint8Array): Option.Option<string> =>
  value[0] === marker ? Option.some(new TextDecoder().decode(value.subarray(1))) : Option.none()
