/**
 * The channel of a connector stream.
 *
 * @since 0.1.0
 */
import { Channel } from "@kps/transport"
import { token } from "../internal/token.ts"

/**
 * What the channels of all connector streams begin with.
 *
 * @category constants
 * @since 0.1.0
 */
export const prefix = "kps.stream."

/**
 * The channel that is assigned to a stream: `kps.stream.<id>`; of an id that has anything but letters, digits, `-` and
 * `_`, its SHA-256 in hexadecimal.
 *
 * **Details**
 *
 * It follows from the id alone, which is kept with the document: so it is the same in every process, after every restart
 * and rename, and no two streams share one.
 *
 * @category getters
 * @since 0.1.0
 */
export const of = (streamId: string): Channel.ChannelName => Channel.ChannelName.make(`${prefix}${token(streamId)}`)
