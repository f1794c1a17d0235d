/**
 * Ends the processes that were started here when this one can no longer do it: after a SIGKILL.
 *
 * A shell of its own session waits at the end of a pipe. While all is well it is told which processes run; when the
 * pipe closes and some still do, it kills them, by their pid.
 */
import { Context, Effect, Layer } from "effect"
import { spawn } from "node:child_process"

// nothing of theirs is worth a graceful end then
const script = `
while read -r key value; do
  case $key in
    pids) pids=$value ;;
    farewell) farewell=$value ;;
  esac
done
[ -n "$pids" ] || exit
kill -KILL $pids
printf %b "$farewell"
`

export class Guard extends Context.Service<Guard, {
  /** Kills this process after this one's death, until `release`. */
  readonly watch: (pid: number) => Effect.Effect<void>
  /** The process has ended: its pid may be somebody else's soon. */
  readonly release: (pid: number) => Effect.Effect<void>
  /** What is written to the terminal after this process's death, from now on: it may have to be given back. */
  readonly farewell: (text: string) => void
}>()("demo/Guard") {}

const make = Effect.gen(function*() {
  const shell = yield* Effect.acquireRelease(
    Effect.sync(() => {
      const shell = spawn("/bin/sh", ["-c", script], {
        // a pipe would not end as long as the shell holds it
        stdio: ["pipe", process.stdout.isTTY ? "inherit" : "ignore", "ignore"],
        detached: true
      })
      // without it (no /bin/sh, or somebody ended it) all works but for what it is there for
      shell.on("error", () => {})
      shell.stdin.on("error", () => {})
      shell.unref()
      return shell
    }),
    (shell) => Effect.sync(() => shell.stdin.end("pids\n"))
  )
  const pids = new Set<number>()
  const tell = Effect.sync(() => {
    shell.stdin.write(`pids ${[...pids].join(" ")}\n`)
  })
  return Guard.of({
    watch: (pid) => Effect.andThen(Effect.sync(() => pids.add(pid)), tell),
    release: (pid) => Effect.andThen(Effect.sync(() => pids.delete(pid)), tell),
    farewell: (text) => void shell.stdin.write(`farewell ${text.replaceAll("\x1b", "\\033")}\n`)
  })
})

export const layer: Layer.Layer<Guard> = Layer.effect(Guard, make)
