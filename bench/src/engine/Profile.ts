/** CPU profiles of our processes, and a summary of where their time went. */
import { Context, Effect, Schema } from "effect"
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"

/** Where the processes of a run write their profiles; undefined when they are not profiled. */
export const folder = Context.Reference<string | undefined>("bench/Profile/folder", { defaultValue: () => undefined })

let started = 0

/** What makes a process of Node write its profile when it ends, named after what it is and does. */
export const nodeArgs = (role: string, parameters: object): Effect.Effect<ReadonlyArray<string>> =>
  Effect.map(folder, (folder) => {
    if (folder === undefined) return []
    const values = Object.entries(parameters).filter(([name]) => name !== "url" && name !== "channel")
    const name = [`${++started}`.padStart(3, "0"), role, ...values.map((pair) => pair.join("-"))].join("_")
    return ["--cpu-prof", "--cpu-prof-dir", folder, "--cpu-prof-name", `${name}.cpuprofile`]
  })

/** Of V8's format, what is looked at. */
const CpuProfile = Schema.fromJsonString(Schema.Struct({
  nodes: Schema.Array(Schema.Struct({
    id: Schema.Int,
    callFrame: Schema.Struct({ functionName: Schema.String, url: Schema.String, lineNumber: Schema.Int })
  })),
  samples: Schema.Array(Schema.Int),
  timeDeltas: Schema.Array(Schema.Finite)
}))
type CpuProfile = typeof CpuProfile.Type

/** A function, and its share of the time that the process was not idle. */
export interface Share {
  readonly name: string
  readonly share: number
}

/** Self time by function, the largest first. */
export const shares = ({ nodes, samples, timeDeltas }: CpuProfile): ReadonlyArray<Share> => {
  const names = new Map(nodes.map(({ callFrame, id }) => [id, callFrame.functionName || "(anonymous)"]))
  const times = new Map<string, number>()
  for (const [i, id] of samples.entries()) {
    const name = names.get(id) ?? "(unknown)"
    if (name !== "(idle)") times.set(name, (times.get(name) ?? 0) + (timeDeltas[i] ?? 0))
  }
  const total = Array.from(times.values()).reduce((sum, time) => sum + time, 0)
  return Array.from(times, ([name, time]) => ({ name, share: time / total })).toSorted((a, b) => b.share - a.share)
}

const most = 15

/** One paragraph for each profile in a folder: the functions with the most self time. */
export const summary = (folder: string): Effect.Effect<string, Schema.SchemaError> =>
  Effect.forEach(
    readdirSync(folder).filter((file) => file.endsWith(".cpuprofile")).toSorted(),
    (file) =>
      Effect.map(Schema.decodeEffect(CpuProfile)(readFileSync(join(folder, file), "utf8")), (profile) =>
        [
          `${file}, share of the time that it was not idle:`,
          ...shares(profile).slice(0, most).map(({ name, share }) =>
            `${(share * 100).toFixed(1).padStart(6)} %  ${name}`
          )
        ].join("\n"))
  ).pipe(Effect.map((texts) => texts.join("\n\n")))
