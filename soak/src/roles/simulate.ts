/**
 * Simulations as a process: `simulate.js SCALE FROM COUNT`. Says a line of JSON for each seed: its number, what was
 * broken, and how much was at stake.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Effect, References } from "effect"
import * as History from "../simulation/History.ts"
import * as Simulation from "../simulation/Simulation.ts"

const [, , scale = "minute", from = "1", count = "1"] = process.argv

const seeds = Array.from({ length: Number(count) }, (_, n) => Number(from) + n)

Effect.forEach(seeds, (seed) =>
  Effect.map(
    Simulation.run({ seed, scale: scale === "day" ? History.day : History.minute }),
    (report) => process.stdout.write(`${JSON.stringify(Simulation.told(report))}\n`)
  ), { discard: true }).pipe(
    // what is on standard output are the lines
    Effect.provideService(References.LogToStderr, true),
    NodeRuntime.runMain
  )
