/**
 * A data pipeline as it is run: with the channels of its inputs and outputs, and the code of its functions.
 *
 * `PipelineResolution.resolve` makes these from documents; `Pipeline.run` runs them.
 *
 * @since 0.1.0
 */
import { Channel } from "@kps/transport"
import type * as Duration from "effect/Duration"
import { isDeepStrictEqual } from "node:util"
import type { FunctionDescription } from "../functions/FunctionDescription.ts"
import { token } from "../internal/token.ts"

/**
 * A channel that a pipeline takes from.
 *
 * @category models
 * @since 0.1.0
 */
export interface PipelineInput {
  readonly channel: Channel.ChannelName
  /** What functions get as the topic of a message: the name of the ingress stream, or of the pipeline before. */
  readonly topic: string
  /** The labels of the ingress stream: the value of each category, by its id and by its name. */
  readonly selectors: Readonly<Record<string, string>>
}

/**
 * Plain data: two that are equal run alike, see `equals`.
 *
 * @category models
 * @since 0.1.0
 */
export interface PipelineDescription {
  /** Names its place in each input channel: what runs under the same id goes on where that was left. */
  readonly id: string
  readonly name: string
  /** Each channel once. None: it takes nothing, until a stream fits its selectors. */
  readonly inputs: ReadonlyArray<PipelineInput>
  /** In the order that a message goes through them. None: messages are passed on as they are. */
  readonly functions: ReadonlyArray<FunctionDescription>
  /** Every message goes to each of them. */
  readonly outputs: ReadonlyArray<Channel.ChannelName>
  /** Of each input, at most one message in this time is let in. Default: all of them. */
  readonly samplingInterval?: Duration.Duration | undefined
}

/**
 * Whether two descriptions run alike, so that a running pipeline need not be touched.
 *
 * @category comparing
 * @since 0.1.0
 */
export const equals = (self: PipelineDescription, that: PipelineDescription): boolean => isDeepStrictEqual(self, that)

/**
 * The channel on which a pipeline also puts out where other pipelines take from it: `kps.pipeline.<id>`; of an id that has
 * anything but letters, digits, `-` and `_`, its SHA-256 in hexadecimal.
 *
 * @category getters
 * @since 0.1.0
 */
export const channelOf = (id: string): Channel.ChannelName => Channel.ChannelName.make(`kps.pipeline.${token(id)}`)

/**
 * Begins the names of the durable consumers of pipelines, and of nothing else.
 *
 * @category constants
 * @since 0.1.0
 */
export const consumerPrefix = "kps-pipeline-"

/**
 * Name of the durable consumer by which a pipeline reads a channel: `kps-pipeline-<id>`, with the id as in `channelOf`.
 *
 * @category getters
 * @since 0.1.0
 */
export const consumerOf = (id: string): string => `${consumerPrefix}${token(id)}`
