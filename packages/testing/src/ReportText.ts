/**
 * A report for the terminal: one line per case, and what helps to find out why one failed.
 *
 * @since 0.1.0
 */
import * as Report from "./Report.ts"
import type { Result } from "./Result.ts"

const words = { Passed: "ok     ", Failed: "FAILED ", Skipped: "skipped" } as const

/** How many of the last calls are shown. */
const lastSteps = 12

/** What a terminal would act on instead of showing it: a connector's texts are not to be trusted. */
const control = /\p{Cc}/gu

/**
 * One case: what was expected, and what came.
 *
 * @category rendering
 * @since 0.1.0
 */
export const line = (result: Result): string => {
  const { expected, id, level, title, verdict } = result
  return `${words[verdict._tag]} ${id} ${level} ${title} | expected: ${expected} | ${
    verdict._tag === "Skipped" ? Report.came(result) : `got: ${verdict.got}`
  }`.replaceAll(control, "\ufffd")
}

const reason = ({ id, title, verdict }: Result, again: string): ReadonlyArray<string> =>
  verdict._tag !== "Failed" ? [] : [
    "",
    `${id} ${title}`,
    `  expected: ${verdict.expected}`,
    `  got:      ${verdict.got}`,
    `  again:    ${again}`,
    ...(verdict.steps.length === 0 ? [] : [
      `  calls${verdict.steps.length > lastSteps ? ` (the last ${lastSteps} of ${verdict.steps.length})` : ""}:`
    ]),
    ...verdict.steps.slice(-lastSteps).map(({ call, reply, request }) =>
      `    ${call} ${JSON.stringify(request)} -> ${reply}`
    )
  ]

/**
 * What comes after the lines: each failure with how to reproduce it, and the whole in one line.
 *
 * @category rendering
 * @since 0.1.0
 */
export const summary = (report: Report.Report): string =>
  [
    ...report.results.flatMap((result) => reason(result, report.again(result.id))),
    "",
    `${Report.conclusion(report.results)} (seed ${report.seed}, ${(report.millis / 1000).toFixed(1)} s)`
  ].map((text) => text.replaceAll(control, "\ufffd")).join("\n")
