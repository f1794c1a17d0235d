/**
 * The processes of a group, where the system shows them (`/proc`); elsewhere there are none to be seen.
 *
 * @since 0.1.0
 */
import * as Result from "effect/Result"
import { readdirSync, readFileSync } from "node:fs"

/**
 * @category models
 * @since 0.1.0
 */
export interface Entry {
  readonly pid: number
  readonly parent: number
  readonly name: string
  /** Resident memory. */
  readonly bytes: number
}

const pageBytes = 4096

/** Fails for a process that is gone. */
const read = (pid: string): ReadonlyArray<Entry & { readonly group: number }> =>
  Result.getOrElse(
    Result.try(() => {
      const stat = readFileSync(`/proc/${pid}/stat`, "utf8")
      // the name is in brackets and may hold anything, brackets too
      const end = stat.lastIndexOf(")")
      const fields = stat.slice(end + 2).split(" ")
      return [{
        pid: Number(pid),
        parent: Number(fields[1]),
        group: Number(fields[2]),
        name: stat.slice(stat.indexOf("(") + 1, end),
        bytes: Number(fields[21]) * pageBytes
      }]
    }),
    () => []
  )

/**
 * The processes of a group.
 *
 * @category getters
 * @since 0.1.0
 */
export const ofGroup = (group: number): ReadonlyArray<Entry> =>
  Result.getOrElse(Result.try(() => readdirSync("/proc")), () => [])
    .filter((pid) => /^\d+$/.test(pid))
    .flatMap(read)
    .filter((entry) => entry.group === group)

/** What only waits for the process that it started. */
const wrapper = /^(?:ba|da|a|z|k)?sh$|^busybox|^(?:p?npm|npx|yarn)\b/

/**
 * The process that a command is about: not the shell or npm around it, which a signal would end at once, with another
 * exit code. The group itself where nothing is to be seen.
 *
 * @category getters
 * @since 0.1.0
 */
export const main = (group: number): number => {
  const entries = ofGroup(group)
  let current = entries.find(({ pid }) => pid === group)
  while (current !== undefined && wrapper.test(current.name)) {
    const { pid } = current
    const child = entries.find(({ parent }) => parent === pid)
    if (child === undefined) break
    current = child
  }
  return current?.pid ?? -group
}
