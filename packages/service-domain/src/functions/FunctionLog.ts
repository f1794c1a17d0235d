/**
 * The lines that the functions of a pipeline wrote last.
 *
 * @since 0.1.0
 */
import type { LogLine } from "../pipelines/PipelineReport.ts"

const maxLines = 1_000
const maxTotalChars = 262_144
const maxLineChars = 8_192

/**
 * Cuts text into lines, and keeps those of each function within bounds: the oldest go.
 */
export class FunctionLog {
  private readonly now: () => number
  private sequence = 0
  private readonly kept = new Map<string, { readonly lines: Array<LogLine>; chars: number }>()
  private readonly partial = new Map<string, string>()

  constructor(now: () => number) {
    this.now = now
  }

  /** Text as it comes from a function, cut anywhere. Of a line that never ends, parts are lines. */
  text(name: string, source: "stdout" | "stderr", text: string): void {
    const key = `${source} ${name}`
    const lines = ((this.partial.get(key) ?? "") + text).split(/\r?\n/)
    let rest = lines.pop() ?? ""
    if (rest.length > maxLineChars) {
      lines.push(rest)
      rest = ""
    }
    this.partial.set(key, rest)
    for (const line of lines) this.line(name, source, line)
  }

  /** What was left without a line break is a line: nothing follows it. */
  end(name: string): void {
    for (const source of ["stdout", "stderr"] as const) {
      const key = `${source} ${name}`
      const rest = this.partial.get(key) ?? ""
      this.partial.delete(key)
      if (rest !== "") this.line(name, source, rest)
    }
  }

  line(name: string, source: LogLine["source"], line: string): void {
    const text = line.length > maxLineChars ? `${line.slice(0, maxLineChars)}…` : line
    const kept = this.kept.get(name) ?? { lines: [], chars: 0 }
    this.kept.set(name, kept)
    kept.lines.push({ sequence: ++this.sequence, atMillis: this.now(), function: name, source, text })
    kept.chars += text.length
    while (kept.lines.length > maxLines || kept.chars > maxTotalChars) {
      kept.chars -= kept.lines.shift()?.text.length ?? 0
    }
  }

  /** Those behind a sequence, oldest first. */
  read(after: number, name: string | undefined): ReadonlyArray<LogLine> {
    const all = name === undefined ? [...this.kept.values()] : [this.kept.get(name) ?? { lines: [], chars: 0 }]
    return all.flatMap(({ lines }) => lines.filter(({ sequence }) => sequence > after))
      .toSorted((a, b) => a.sequence - b.sequence)
  }
}
