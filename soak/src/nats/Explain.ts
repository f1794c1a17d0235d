/** What a running connector promises, as `kps explain guarantees` says. */
import { Effect, Schedule, Schema } from "effect"
import { execFile } from "node:child_process"
import type { Serving } from "../bed/Subject.ts"

const Explained = Schema.Array(Schema.Struct({
  id: Schema.String,
  guarantee: Schema.Struct({ level: Schema.String })
}))

const decode = Schema.decodeUnknownEffect(Schema.fromJsonString(Explained))

/** A stream that another replica is just taking over is not told of for a moment. */
const patience = { schedule: Schedule.spaced("500 millis"), times: 40 }

const ask = (kps: string, { name, port }: Serving): Effect.Effect<string, unknown> =>
  Effect.tryPromise(() =>
    new Promise<string>((resolve, reject) =>
      execFile(
        process.execPath,
        [kps, "explain", "guarantees", "--endpoint", `127.0.0.1:${port}`, "--connector-id", name, "--output", "json"],
        { timeout: 60_000 },
        (error, stdout, stderr) =>
          error === null ? resolve(stdout) : reject(new Error(`kps explain guarantees: ${stderr}`, { cause: error }))
      )
    )
  )

/**
 * The level of each stream, by its id, as soon as all that are asked for are told of; what is told at last when one of
 * them is not. `kps` is the file of the command.
 */
export const levels = (
  kps: string,
  serving: Serving,
  ids: ReadonlyArray<string>
): Effect.Effect<ReadonlyMap<string, string>> =>
  ask(kps, serving).pipe(
    Effect.flatMap(decode),
    Effect.map((streams) => new Map(streams.map(({ guarantee, id }) => [id, guarantee.level]))),
    Effect.retry(patience),
    Effect.repeat({ ...patience, until: (told) => ids.every((id) => told.has(id)) }),
    Effect.orDie
  )
