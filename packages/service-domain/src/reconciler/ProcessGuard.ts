/**
 * Ends the connectors that were started here when this process no longer can: after a SIGKILL.
 *
 * A shell of its own session waits at the end of a pipe, and is told which process groups run. When the pipe closes and
 * some still do, it ends them as this process would have: SIGTERM, and SIGKILL after the grace period.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { spawn } from "node:child_process"

const script = `
while read -r line; do groups=$line; done
for group in $groups; do kill -s TERM -- "-$group" 2>/dev/null; done
for _ in $(seq "$1"); do
  left=
  for group in $groups; do kill -s 0 -- "-$group" 2>/dev/null && left="$left $group"; done
  [ -n "$left" ] || exit 0
  sleep 0.1
done
for group in $groups; do kill -s KILL -- "-$group" 2>/dev/null; done
`

/**
 * @category services
 * @since 0.1.0
 */
export class ProcessGuard extends Context.Service<ProcessGuard, {
  /** Ends this process group after this process's death, from now on. To be called in the turn that started it. */
  readonly watch: (group: number) => void
  /** The group has ended: its number may be somebody else's soon. */
  readonly release: (group: number) => void
}>()("@kps/service-domain/ProcessGuard") {}

/**
 * Layer with a guard that gives processes this long to end. Where there is no `/bin/sh`, there is no guard: all else works.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: { readonly grace: Duration.Input }): Layer.Layer<ProcessGuard> =>
  Layer.effect(
    ProcessGuard,
    Effect.gen(function*() {
      const tenths = Math.ceil(Duration.toMillis(options.grace) / 100)
      const shell = yield* Effect.acquireRelease(
        Effect.sync(() => {
          const shell = spawn("/bin/sh", ["-c", script, "kps-guard", String(tenths)], {
            stdio: ["pipe", "ignore", "ignore"],
            detached: true
          })
          shell.on("error", () => {})
          shell.stdin.on("error", () => {})
          shell.unref()
          return shell
        }),
        // An empty line: there is nothing to end.
        (shell) => Effect.sync(() => shell.stdin.end("\n"))
      )
      const groups = new Set<number>()
      const tell = () => void shell.stdin.write(`${[...groups].join(" ")}\n`)
      return ProcessGuard.of({
        watch: (group) => {
          groups.add(group)
          tell()
        },
        release: (group) => {
          groups.delete(group)
          tell()
        }
      })
    })
  )
