/**
 * A report as one HTML file that needs nothing else, to hand on.
 *
 * @since 0.1.0
 */
import * as Report from "./Report.ts"
import { escaped } from "./ReportJson.ts"
import type { Result } from "./Result.ts"

const style = `
:root { color-scheme: light dark; --line: #8884; --ok: #1a7f37; --bad: #cf222e; --off: #777; }
* { box-sizing: border-box; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 0 auto; padding: 1.5rem 1rem 4rem; }
h1 { font-size: 1.5rem; margin: 0 0 .25rem; }
h2 { font-size: 1.1rem; margin: 2rem 0 .25rem; }
p { margin: .25rem 0; }
.sum { display: flex; gap: .75rem; flex-wrap: wrap; margin: 1rem 0; }
.sum button { font: inherit; padding: .4rem .9rem; border: 1px solid var(--line); border-radius: .5rem; background: none; color: inherit; cursor: pointer; }
.sum button[aria-pressed=false] { opacity: .45; }
.sum b { font-size: 1.15rem; }
.verdict { border-left: .35rem solid var(--ok); padding: .5rem .9rem; background: #8881; }
.verdict.bad { border-color: var(--bad); }
details, .case { border-top: 1px solid var(--line); padding: .5rem 0; }
summary { cursor: pointer; list-style: none; }
summary::-webkit-details-marker { display: none; }
summary .id::before { content: "▸ "; }
details[open] summary .id::before { content: "▾ "; }
.row { display: grid; grid-template-columns: 4.5rem 3.8rem minmax(0, 1fr); gap: .25rem .75rem; overflow-wrap: anywhere; }
.row > .line { grid-column: 3; }
details > p, details > pre { margin-left: 9.8rem; overflow-wrap: anywhere; }
.passed .word { color: var(--ok); } .failed .word { color: var(--bad); font-weight: 700; } .skipped .word, .skipped { color: var(--off); }
.meta { color: var(--off); font-size: .85rem; }
code, pre { font: 13px/1.45 ui-monospace, monospace; overflow-wrap: anywhere; white-space: pre-wrap; }
pre { margin: .25rem 0; padding: .5rem; background: #8881; border-radius: .35rem; max-height: 28rem; overflow: auto; }
body.no-passed .passed, body.no-failed .failed, body.no-skipped .skipped { display: none; }
@media (max-width: 40rem) {
  .row { grid-template-columns: 4.5rem minmax(0, 1fr); }
  .row > .title, .row > .line { grid-column: 1 / 3; }
  details > p, details > pre { margin-left: 0; }
}
@media print { .sum button { border: none; padding: 0; } pre { max-height: none; } }
`

const script = `
for (const button of document.querySelectorAll("button[data-verdict]")) {
  button.addEventListener("click", () => {
    const off = document.body.classList.toggle("no-" + button.dataset.verdict)
    button.setAttribute("aria-pressed", String(!off))
  })
}
`

const words = { Passed: "passed", Failed: "failed", Skipped: "skipped" } as const

const row = ({ expected, id, level, title, door, verdict }: Result, came: string): string =>
  `<span class="row"><span class="word">${words[verdict._tag]}</span><span class="id">${escaped(id)}</span>` +
  `<span class="title">${escaped(title)} <span class="meta">${level}, ${door}</span></span>` +
  `<span class="line meta">expected: ${escaped(expected)}</span><span class="line">${escaped(came)}</span></span>`

const one = (result: Result, again: string): string => {
  const { verdict } = result
  if (verdict._tag !== "Failed") {
    const came = verdict._tag === "Passed" ? `got: ${verdict.got}` : Report.came(result)
    return `<div class="case ${words[verdict._tag]}" id="${escaped(result.id)}">${row(result, came)}</div>`
  }
  const calls = verdict.steps.map(({ call, reply, request }) => `${call} ${JSON.stringify(request)}\n  -> ${reply}`)
  return [
    `<details class="failed" id="${escaped(result.id)}" open><summary>${row(result, `got: ${verdict.got}`)}</summary>`,
    `<p>wanted there: ${escaped(verdict.expected)}</p>`,
    `<p>again: <code>${escaped(again)}</code></p>`,
    calls.length === 0 ? "" : `<p>the calls until then:</p><pre>${escaped(calls.join("\n"))}</pre>`,
    "</details>"
  ].join("\n")
}

/**
 * The report as HTML.
 *
 * @category rendering
 * @since 0.1.0
 */
export const html = (report: Report.Report): string => {
  const { connectorId, description, millis, place, results, seed, startedMillis } = report
  const { failed, passed, skipped } = Report.counts(results)
  const button = (verdict: string, count: number) =>
    `<button data-verdict="${verdict}" aria-pressed="true"><b>${count}</b> ${verdict}</button>`
  const groups = Report.groups.flatMap(({ letter, title }) => {
    const own = results.filter(({ id }) => id.startsWith(letter))
    return own.length === 0
      ? []
      : [`<h2>${escaped(title)}</h2>`, ...own.map((result) => one(result, report.again(result.id)))]
  })
  return [
    "<!doctype html>",
    "<html lang=\"en\">",
    "<meta charset=\"utf-8\">",
    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">",
    `<title>${escaped(`Conformance of ${connectorId}`)}</title>`,
    `<style>${style}</style>`,
    `<h1>Conformance of ${escaped(connectorId)}</h1>`,
    `<p class="meta">${
      escaped(
        `at ${place}, as ${description} describes it; ${new Date(startedMillis).toISOString()}, ${
          (millis / 1000).toFixed(1)
        } s, seed ${seed}`
      )
    }</p>`,
    `<p class="verdict${failed === 0 ? "" : " bad"}">${escaped(Report.conclusion(results))}</p>`,
    `<div class="sum">${button("passed", passed)}${button("failed", failed)}${button("skipped", skipped)}</div>`,
    ...groups,
    `<script>${script}</script>`,
    "</html>",
    ""
  ].join("\n")
}
