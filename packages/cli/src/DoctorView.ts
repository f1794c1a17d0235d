/**
 * What `kps doctor` has found, for people and for programs.
 *
 * @since 0.1.0
 */
import type { Warning } from "./Doctor.ts"
import type { Observed } from "./Observed.ts"
import { printable } from "./Output.ts"
import * as Wrapped from "./Wrapped.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface Report {
  readonly observed: Observed
  readonly warnings: ReadonlyArray<Warning>
  /** What could not be looked at. */
  readonly unseen: ReadonlyArray<string>
}

const plural = (many: number, what: string): string => `${many} ${what}${many === 1 ? "" : "s"}`

const looked = ({ server, streams, told }: Observed): string =>
  [
    `nats-server ${server.version} (${server.name})`,
    plural(streams.length, "stream"),
    plural(streams.reduce((sum, { consumers }) => sum + consumers.length, 0), "consumer"),
    `${plural(told.length, "stream")} of ${
      plural(new Set(told.map(({ connectorId }) => connectorId)).size, "connector")
    }`
  ].join(", ")

/**
 * A block for each warning, then what was looked at and what was not.
 *
 * @category rendering
 * @since 0.1.0
 */
export const text = ({ observed, unseen, warnings }: Report): string =>
  [
    ...warnings.map(({ advice, check, problem, subject }) =>
      [`${check}: ${subject}`, ...Wrapped.part("problem", [problem]), ...Wrapped.part("do", [advice])].join("\n")
    ),
    [
      warnings.length === 0 ? "no warnings" : plural(warnings.length, "warning"),
      ...Wrapped.part("looked at", [looked(observed)]),
      ...Wrapped.part("not looked at", unseen)
    ].join("\n")
  ].map((block) => block.split("\n").map(printable).join("\n")).join("\n\n")

/**
 * The same for programs.
 *
 * @category rendering
 * @since 0.1.0
 */
export const json = ({ observed: { server, streams, told }, unseen, warnings }: Report): object => ({
  server,
  streams: streams.map(({ name }) => name),
  connectors: [...new Set(told.map(({ connectorId }) => connectorId))],
  warnings,
  unseen
})
