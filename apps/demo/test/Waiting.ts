/** Waits on conditions of other processes, with a bound. */
import { Effect, Schedule } from "effect"
import { spawnSync } from "node:child_process"
import { existsSync, readFileSync } from "node:fs"

/** The letter that stands for what a process is doing: "Z" for one that has ended, "T" for one that is stopped. */
const stateOf = (pid: number): string =>
  existsSync("/proc/self/stat")
    ? /\) (\S)/.exec(readFileSync(`/proc/${pid}/stat`, "utf8"))?.[1] ?? ""
    : spawnSync("ps", ["-o", "stat=", "-p", `${pid}`], { encoding: "utf8" }).stdout.trim().slice(0, 1)

/** Whether there is such a process; one that has ended and that nobody waited for does not count. */
export const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return stateOf(pid) !== "Z"
  } catch {
    return false
  }
}

/** Whether SIGSTOP has reached it. */
export const isStopped = (pid: number): boolean => stateOf(pid) === "T"

/** Waits until the condition is true; dies after 40 seconds, with what was waited for. */
export const until = (
  what: string,
  condition: () => boolean | Promise<boolean>,
  context: () => string = () => ""
): Effect.Effect<void> =>
  Effect.promise(async () => condition()).pipe(
    Effect.repeat({ until: (met) => met, schedule: Schedule.spaced("20 millis") }),
    Effect.timeoutOrElse({
      duration: "40 seconds",
      orElse: () => Effect.die(new Error(`waited in vain for ${what}${context()}`))
    }),
    Effect.asVoid
  )
