/** A Dockerfile, read; and its image, made without an engine: what its stages copy and run, in folders. */
import { Effect, Scope } from "effect"
import { chmodSync, cpSync, existsSync, globSync, mkdirSync, readFileSync, statSync } from "node:fs"
import { basename, dirname, join } from "node:path"
import { mustRun, root } from "./Command.ts"
import { temporaryFolder } from "./Packed.ts"

export interface Instruction {
  readonly name: string
  readonly text: string
}

export interface Stage {
  /** The image that it starts from. */
  readonly from: string
  /** What other stages call it. */
  readonly as: string | undefined
  readonly instructions: ReadonlyArray<Instruction>
}

/** The stages of a Dockerfile. */
export const parse = (text: string): ReadonlyArray<Stage> => {
  const stages: Array<Stage & { readonly instructions: Array<Instruction> }> = []
  for (const line of text.replaceAll(/\\\n/g, " ").split("\n")) {
    const [, name = "", rest = ""] = /^\s*([A-Z]+)\s+(.*?)\s*$/.exec(line) ?? []
    if (name === "FROM") {
      const [from = "", as] = rest.split(/\s+AS\s+/i)
      stages.push({ from, as, instructions: [] })
    } else if (name !== "") stages.at(-1)?.instructions.push({ name, text: rest })
  }
  return stages
}

/** The last instruction of a name; the one that counts. */
export const last = (stage: Stage, name: string): string | undefined =>
  stage.instructions.findLast((instruction) => instruction.name === name)?.text

export interface Copy {
  /** The stage that it copies from; none: the build's context. */
  readonly from: string | undefined
  readonly sources: ReadonlyArray<string>
  readonly target: string
}

/** What a COPY says. */
export const copyOf = ({ text }: Instruction): Copy => {
  const words = text.split(/\s+/)
  const from = words.find((word) => word.startsWith("--from="))?.slice("--from=".length)
  const paths = words.filter((word) => !word.startsWith("--"))
  return { from, sources: paths.slice(0, -1), target: paths.at(-1) ?? "" }
}

/** Whether a `.dockerignore` that begins by leaving everything out lets a path of the context in. */
export const admits = (ignore: string, path: string): boolean => {
  let admitted = true
  for (const line of ignore.split("\n").filter((line) => line.trim() !== "" && !line.startsWith("#"))) {
    const negated = line.startsWith("!")
    const pattern = negated ? line.slice(1) : line
    const parts = path.split("/")
    const matches = pattern === "*"
      || (pattern.startsWith("**/") ? parts.includes(pattern.slice(3)) : `${path}/`.startsWith(`${pattern}/`))
    if (matches) admitted = negated
  }
  return admitted
}

export interface Image {
  /** The last stage's file system: nothing but what it copied, and nobody may write there. */
  readonly folder: string
}

/**
 * Makes the image's own files. Commands of `RUN` are run with the tools of this machine; those that `skipped` names are
 * there already.
 */
export const build = Effect.fnUntraced(function*(options: {
  readonly stages: ReadonlyArray<Stage>
  readonly ignore: string
  readonly skipped: (command: string) => boolean
}): Effect.fn.Return<Image, never, Scope.Scope> {
  const folder = yield* temporaryFolder("kps-image-")
  const folderOf = (stage: string) => join(folder, stage)
  for (const [i, { as, instructions }] of options.stages.entries()) {
    const stage = folderOf(as ?? String(i))
    let workdir = "/"
    for (const { name, text } of instructions) {
      if (name === "WORKDIR") workdir = text
      else if (name === "COPY") {
        const { from, sources, target } = copyOf({ name, text })
        const context = from === undefined ? root : folderOf(from)
        for (const source of sources) {
          const into = join(stage, target.startsWith("/") ? target : join(workdir, target))
          const file = statSync(join(context, source)).isFile()
          const to = file && (target.endsWith("/") || target === ".") ? join(into, basename(source)) : into
          mkdirSync(dirname(to), { recursive: true })
          cpSync(join(context, source), to, {
            recursive: true,
            filter: (path) =>
              from !== undefined || admits(options.ignore, path.slice(context.length).replace(/^\//, ""))
          })
        }
      } else if (name === "RUN" && !options.skipped(text)) {
        yield* mustRun("sh", ["-c", text], { cwd: join(stage, workdir) })
      }
    }
  }
  const image = folderOf(String(options.stages.length - 1))
  const everything = globSync("**/*", { cwd: image }).map((file) => join(image, file))
  for (const path of [...everything, image]) chmodSync(path, statSync(path).isDirectory() ? 0o555 : 0o444)
  // the folder above is this user's alone until here
  chmodSync(folder, 0o755)
  return { folder: image }
})

/** The file of the app, as text. */
export const read = (file: string): string => readFileSync(join(root, "apps/nats-connector", file), "utf8")

/** Whether a path is there, seen from the root of the repository. */
export const exists = (path: string): boolean => existsSync(join(root, path))
