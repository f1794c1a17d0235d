/**
 * Whether the payloads of a stream have to keep their order, and so which replicas run it.
 *
 * @since 0.1.0
 */
import type { Connector } from "@kps/connector"

/**
 * `strict`: one replica runs the stream. `none`: all of them run it, if it is an egress stream; each message goes to one
 * of them, and a slow or failing one does not hold up the others.
 *
 * @category models
 * @since 0.1.0
 */
export type Ordering = "strict" | "none"

/**
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /**
   * Of all streams that `streams` does not name. Default: "none" for egress over core NATS, whose queue groups keep no
   * order between replicas anyway; otherwise "strict".
   */
  readonly all?: Ordering | undefined
  /** Of single streams, by their ids. */
  readonly streams?: Readonly<Record<string, Ordering>> | undefined
}

/**
 * Whether only one replica may run a stream: ingress always, since two would publish everything twice.
 *
 * @category getters
 * @since 0.1.0
 */
export const isExclusive = (
  { all = "none", streams = {} }: Options,
  { direction, id }: { readonly direction: Connector.StreamDirection; readonly id: string }
): boolean => direction === "INGRESS" || (Object.hasOwn(streams, id) ? streams[id] : all) === "strict"
