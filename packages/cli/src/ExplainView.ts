/**
 * What streams promise, for people to read.
 *
 * @since 0.1.0
 */
import type { Explained } from "./Guarantees.ts"
import { printable } from "./Output.ts"
import * as Wrapped from "./Wrapped.ts"

const orNothing = (texts: ReadonlyArray<string>) => texts.length === 0 ? ["nothing"] : texts

/**
 * One block for each stream: what it promises, why, what can be lost, what can come twice, and what would raise it.
 *
 * @category rendering
 * @since 0.1.0
 */
export const text = (streams: ReadonlyArray<Explained>): string =>
  streams.length === 0
    ? "no streams: the connector runs none"
    : streams.map(({ channel, direction, guarantee, id, state }) => {
      const way = direction === "INGRESS" ? "ingress to" : "egress from"
      const name = channel === undefined ? `${id} (${direction.toLowerCase()})` : `${id} (${way} ${channel})`
      if (guarantee === undefined) return `${name}: promises nothing now, its state is ${state}`
      const { because, duplicates, level, losses, order, raise } = guarantee
      return [
        `${name}: ${level.replaceAll("-", " ")}`,
        ...Wrapped.part("because", [because]),
        ...Wrapped.part("can be lost", orNothing(losses.map(({ what }) => what))),
        ...Wrapped.part("can come twice", orNothing(duplicates.map(({ what }) => what))),
        ...Wrapped.part("order", [order]),
        ...Wrapped.part("raised by", orNothing(raise))
      ].join("\n")
    }).map((block) => block.split("\n").map(printable).join("\n")).join("\n\n")
