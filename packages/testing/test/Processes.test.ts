import { assert, describe, it } from "@effect/vitest"
import { Conformance, Description, type Verdict, WireSubject } from "@kps/testing"
import { binary, make as natsServer, suiteName } from "@kps/transport/testing/NatsServer"
import { Duration, Effect, type Scope } from "effect"
import { mkdtempSync, rmSync } from "node:fs"
import { createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { processMutants } from "./mutants/processes.ts"

const connector = fileURLToPath(new URL("process/connector.ts", import.meta.url))

const freePort = Effect.callback<number>((resume) => {
  const server = createServer().listen(0, "127.0.0.1", () => {
    const address = server.address()
    const port = typeof address === "object" && address !== null ? address.port : 0
    server.close(() => resume(Effect.succeed(port)))
  })
})

const streams = (direction: string) => ({
  working: { subject: `${direction}.{stream}`, server: "{outside}" }
})

/** Files that streams read, in a folder of their own. */
const files = Effect.map(
  Effect.acquireRelease(
    Effect.sync(() => mkdtempSync(join(tmpdir(), "conform-"))),
    (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
  ),
  (folder) => {
    const at = `"${folder}/$KPS_STREAM"`
    return {
      streams: {
        acknowledged: { subject: "{stream}", server: folder, reads: "spool" },
        resumable: { subject: "{stream}", server: folder, reads: "log" }
      },
      outside: {
        acknowledged: {
          prepare: `mkdir ${at}`,
          // a file is there as a whole, or not at all
          feed: `cd ${at} && while IFS= read -r line; do printf %s "$line" >.next && mv .next "$(date +%s%N)"; done`,
          clear: `rm -r ${at}`
        },
        resumable: { prepare: `: >${at}`, feed: `cat >>${at}`, clear: `rm ${at}` }
      }
    }
  }
)

/** The connector of `process/connector.ts`, with a broker of its own, that breaks a rule or none. */
const subject = Effect.fnUntraced(function*(mutant: string) {
  const nats = yield* natsServer({ jetstream: true })
  const port = yield* freePort
  const { outside, streams: durable } = yield* files
  const description = yield* Description.decode("the connector of the test", {
    id: "p-1",
    streams: { ingress: { ...streams("in"), ...durable }, egress: streams("out") },
    tls: { cert: "TLS_CERT", key: "TLS_KEY", clientCa: "TLS_CLIENT_CA" },
    outside: { ...outside, nats: { ingress: "in.{stream}", egress: "out.{stream}" } }
  })
  return yield* WireSubject.make({
    endpoint: `127.0.0.1:${port}`,
    nats: [nats.url],
    description,
    patience: {
      away: Duration.seconds(3),
      start: Duration.seconds(30),
      renewal: Duration.seconds(4),
      redelivery: Duration.seconds(mutant === "" ? 20 : 4)
    },
    command: `MUTANT=${JSON.stringify(mutant)} ${process.execPath} --conditions=@kps/source ${connector} {port}`
  })
})

const verdict = (id: string, mutant: string): Effect.Effect<Verdict, unknown, Scope.Scope> =>
  Effect.gen(function*() {
    const [one] = Conformance.select({ only: [id] })
    assert(one !== undefined)
    const session = yield* Conformance.open(yield* subject(mutant), { seed: 1 })
    return (yield* session.run(one)).verdict
  })

describe.skipIf(binary() === undefined)(suiteName("O60"), () => {
  describe.concurrent("the process door", () => {
    for (const id of new Set(processMutants.map(({ breaks }) => breaks)).add("O52").add("O54")) {
      it.live(`${id}: a connector that keeps the rule passes`, () =>
        Effect.gen(function*() {
          const result = yield* verdict(id, "")
          assert(result._tag === "Passed", JSON.stringify(result))
        }), 200_000)
    }

    for (const { breaks, misses = /./, mutant, what } of processMutants) {
      it.live(`${breaks}: a connector that ${what} is caught`, () =>
        Effect.gen(function*() {
          const result = yield* verdict(breaks, mutant)
          assert(result._tag === "Failed", JSON.stringify(result))
          assert.notMatch(result.got, /^no way to tell|^no verdict/)
          assert.match(result.expected, misses)
        }), 200_000)
    }
  })
})
