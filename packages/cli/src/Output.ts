/**
 * What a command prints: a table for people, YAML or JSON for programs.
 *
 * @since 0.1.0
 */
import * as Flag from "effect/cli/Flag"
import * as Console from "effect/Console"
import type * as Effect from "effect/Effect"
import { stringify } from "yaml"

/**
 * @category models
 * @since 0.1.0
 */
export type Format = "table" | "yaml" | "json"

/**
 * The `-o` flag, for every command that prints something.
 *
 * @category flags
 * @since 0.1.0
 */
export const flag = Flag.Literals("output", ["table", "yaml", "json"]).pipe(
  Flag.withAlias("o"),
  Flag.withDescription("How to print what comes back"),
  Flag.withDefault("table" as const)
)

/**
 * One column of a table.
 *
 * @category models
 * @since 0.1.0
 */
export interface Column<in A> {
  readonly header: string
  readonly cell: (row: A) => string
}

// what a terminal would act on instead of showing it: a connector's texts are not to be trusted
// oxlint-disable-next-line no-control-regex -- control characters are what it is about
const control = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g

/**
 * A text as one that a terminal only shows.
 *
 * @category rendering
 * @since 0.1.0
 */
export const printable = (text: string): string => text.replace(control, "\ufffd").replaceAll("\t", " ")

/**
 * Rows as a table without lines: headers in capitals, columns left-aligned, a cell of several lines in several lines.
 *
 * @category rendering
 * @since 0.1.0
 */
export const table = <A>(columns: ReadonlyArray<Column<A>>, rows: ReadonlyArray<A>): string => {
  const cells = rows.map((row) => columns.map(({ cell }) => printable(cell(row)).split("\n")))
  const widths = columns.map(({ header }, column) =>
    Math.max(header.length, ...cells.flatMap((row) => (row[column] ?? []).map((line) => line.length)))
  )
  const line = (texts: ReadonlyArray<string>) =>
    texts.map((text, column) => text.padEnd(widths[column] ?? 0)).join("   ").trimEnd()
  const lines = cells.flatMap((row) => {
    const height = Math.max(...row.map((cell) => cell.length))
    return Array.from({ length: height }, (_, n) => line(row.map((cell) => cell[n] ?? "")))
  })
  return [line(columns.map(({ header }) => header)), ...lines].join("\n")
}

/**
 * A value as YAML or JSON.
 *
 * @category rendering
 * @since 0.1.0
 */
export const value = (format: Exclude<Format, "table">, value: unknown): string =>
  format === "json" ? JSON.stringify(value, undefined, 2) : stringify(value).trimEnd()

/**
 * Prints a list on standard output; as a table, an empty one has its headers alone.
 *
 * @category printing
 * @since 0.1.0
 */
export const list = <A>(format: Format, columns: ReadonlyArray<Column<A>>, rows: ReadonlyArray<A>): Effect.Effect<
  void
> => Console.log(format === "table" ? table(columns, rows) : value(format, rows))
