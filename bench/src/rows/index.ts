/** All rows, in the order of the table. */
import type { Row } from "../engine/Row.ts"
import { P1 } from "./P1.ts"
import { P10 } from "./P10.ts"
import { P11 } from "./P11.ts"
import { P12 } from "./P12.ts"
import { P2 } from "./P2.ts"
import { P3 } from "./P3.ts"
import { P4 } from "./P4.ts"
import { P5 } from "./P5.ts"
import { P6 } from "./P6.ts"
import { P7 } from "./P7.ts"
import { P8 } from "./P8.ts"
import { P9 } from "./P9.ts"

export const rows: ReadonlyArray<Row> = [P1, P2, P3, P4, P5, P6, P7, P8, P9, P10, P11, P12]
