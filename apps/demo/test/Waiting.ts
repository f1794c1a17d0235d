/** Waits on conditions of other processes, with a bound. */
import { Effect, Schedule } from "effect"
import { existsSync, readFileSync } from "node:fs"

/** Whether there is such a process; one that has ended and that nobody waited for does not count. */
export const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    const stat = `/proc/${pid}/stat`
    return !existsSync(stat) || !/\) Z /.test(readFileSync(stat, "utf8"))
  } catch {
    return false
  }
}

/** Waits until the condition is true; dies after 15 seconds, with what was waited for. */
export const until = (what: string, condition: () => boolean | Promise<boolean>): Effect.Effect<void> =>
  Effect.promise(async () => condition()).pipe(
    Effect.repeat({ until: (met) => met, schedule: Schedule.spaced("20 millis") }),
    Effect.timeoutOrElse({ duration: "15 seconds", orElse: () => Effect.die(new Error(`waited in vain for ${what}`)) }),
    Effect.asVoid
  )
