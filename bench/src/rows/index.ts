/** All rows, in the order of the table. */
import type { Row } from "../engine/Row.ts"
import { P1 } from "./P1.ts"
import { P12 } from "./P12.ts"

export const rows: ReadonlyArray<Row> = [P1, P12]
