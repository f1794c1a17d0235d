/**
 * Ends the processes that were started here with this one, whatever ends it.
 *
 * @since 0.1.0
 */
import * as Result from "effect/Result"
import { type ChildProcess, spawn } from "node:child_process"

/**
 * Kills the child when this process ends, also by SIGKILL, unless the child has ended before.
 *
 * **Details**
 *
 * With `group` (default: false) all of its process group is killed; the child has to lead it (`detached`). A shell of a
 * session of its own waits for the end of a pipe in which nothing is ever written; where there is no `/bin/sh`, and on
 * Windows, a SIGKILL of this process is not seen.
 *
 * @category operations
 * @since 0.1.0
 */
export const watch = (child: ChildProcess, { group = false }: { readonly group?: boolean } = {}): void => {
  const { exitCode, pid, signalCode } = child
  if (pid === undefined || exitCode !== null || signalCode !== null) return
  const target = group ? -pid : pid
  // It fails when it is gone.
  const killNow = () => void Result.try(() => process.kill(target, "SIGKILL"))
  process.once("exit", killNow)
  const shell = process.platform === "win32" ? undefined : guard(target)
  child.once("exit", () => {
    process.off("exit", killNow)
    shell?.kill("SIGKILL")
  })
}

/** In a session of its own, so that what ends this process's group does not end it first. */
const guard = (target: number): ChildProcess => {
  const shell = spawn("/bin/sh", ["-c", `read -r _; kill -s KILL -- ${target}`], {
    detached: true,
    stdio: ["pipe", "ignore", "ignore"]
  })
  shell.once("error", () => undefined)
  shell.unref()
  return shell
}
