/** The events that every server of the gRPC benchmarks has, and the client that asks for them. */
import { create, toBinary } from "@bufbuild/protobuf"
import { timestampFromMs } from "@bufbuild/protobuf/wkt"
import { GetEventsResponseSchema, ResponseCode, Severity, State } from "@kps/idl"
import { Effect, Schema, type Scope } from "effect"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { BenchFailed } from "./BenchFailed.ts"
import type { Side } from "./Compare.ts"
import type { GoPeer } from "./GoPeer.ts"
import * as Worker from "./Worker.ts"

export const connectorId = "c-1"

/** One alert as a stream in trouble raises it. */
export const event = (index: number) => {
  const streamId = `stream-${index}`
  return {
    name: "streamFailed",
    streamId,
    message: "the stream failed",
    metadata: {
      ErrorMessage: `cannot connect to nats://broker-${index}:4222: connection refused`,
      StreamID: streamId,
      ExtraMessage: { attempts: index % 100, since: "2026-11-27T12:00:00.000Z", nextRetry: "2026-11-27T12:00:30.000Z" }
    }
  }
}

const answer = (events: number): Uint8Array =>
  toBinary(
    GetEventsResponseSchema,
    create(GetEventsResponseSchema, {
      status: { code: ResponseCode.OK },
      eventPayloads: Array.from({ length: events }, (_, i) => {
        const { message, metadata, name, streamId } = event(i)
        const createdAt = timestampFromMs(1_800_000_000_000 + i)
        return {
          object: {
            case: "alert" as const,
            value: {
              id: name,
              streamId,
              message,
              metadata,
              severity: Severity.WARNING,
              state: State.UNHEALTHY,
              createdAt
            }
          }
        }
      })
    })
  )

/** The same answer for the peers, encoded, in a file. */
export const answerFile = (events: number): Effect.Effect<string, never, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(
      Effect.sync(() => mkdtempSync(join(tmpdir(), "kps-bench-"))),
      (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
    ),
    (folder) => {
      const file = join(folder, "events.bin")
      writeFileSync(file, answer(events))
      return file
    }
  )

export const Sample = Schema.Struct({ perSecond: Schema.Finite, p50Micros: Schema.Finite })
export type Sample = typeof Sample.Type

const Where = Schema.Struct({ port: Schema.Int })

/**
 * A server, and a client of grpc-go's in a process of its own that does not decode what comes; undefined where Go, and so
 * the client, is absent.
 */
export const side = Effect.fnUntraced(function*(
  name: string,
  server: Worker.Worker | undefined,
  options: { readonly events: number; readonly callers: number }
): Effect.fn.Return<Side<Sample> | undefined, BenchFailed, GoPeer | Scope.Scope> {
  if (server === undefined) return undefined
  const { port } = yield* server.ask({ do: "where" }, Where)
  const client = yield* Worker.go("latest", "callEvents", { port, id: connectorId, ...options })
  return client === undefined ? undefined : { name, round: (millis) => client.ask({ do: "call", millis }, Sample) }
})
