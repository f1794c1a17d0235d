import { ResponseCodes } from "@kps/idl"
import { readFileSync } from "node:fs"
import { type Documented, edge, table } from "../../src/ContractTable.ts"

/** The table of errors as docs/contract.md has to show it. */
export const wanted = (): ReadonlyArray<string> => [
  ...Object.entries(table).map(([name, row]) => line(name, row, true)),
  ...Object.entries(edge).map(([name, row]) => line(name, row, false))
]

const line = (name: string, row: Documented, inBand: boolean): string => {
  const codes = row.codes.map((code) => `${code} (${ResponseCodes.toCode(code)})`)
  const grpc = row.codes.map((code) => `${code} (${ResponseCodes.toGrpc(code)})`)
  const cells = [
    `\`${name}\``,
    row.when,
    row.rpcs.join(", "),
    inBand ? codes.join(", ") : "none",
    grpc.join(", "),
    inBand ? "yes" : "never",
    row.details.length === 0 ? "none" : row.details.join(", ")
  ]
  return `| ${cells.join(" | ")} |`
}

/** One row of the table in the document. */
export interface Row {
  readonly error: string
  readonly rpcs: ReadonlyArray<string>
  readonly codes: ReadonlyArray<ResponseCodes.Name>
  readonly inBand: boolean
  readonly details: ReadonlyArray<string>
}

/** The lines of the table in the document. */
export const lines = (): ReadonlyArray<string> => {
  const text = readFileSync(new URL("../../../../docs/contract.md", import.meta.url), "utf8")
  const [, rest = ""] = text.split("<!-- table: errors.")
  const [section = ""] = rest.split("<!-- end of table -->")
  return section.split("\n").filter((line) => line.startsWith("|")).slice(2).map((line) => line.replace(/ +/g, " "))
}

/** The rows of the table in the document. */
export const rows = (): ReadonlyArray<Row> =>
  lines().map((line) => {
    const [error = "", , rpcs = "", codes = "", grpc = "", inBand = "", details = ""] = line.slice(2, -2).split(" | ")
    return {
      error: error.replaceAll("`", ""),
      rpcs: rpcs.split(", "),
      codes: names(codes === "none" ? grpc : codes),
      inBand: inBand === "yes",
      details: details === "none" ? [] : details.split(", ")
    }
  })

const names = (cell: string): ReadonlyArray<ResponseCodes.Name> =>
  cell.split(", ").flatMap((code) => {
    const name = code.replace(/ .*$/, "")
    return ResponseCodes.isName(name) ? [name] : []
  })
