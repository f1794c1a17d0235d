/** `kps conform` as a user runs it, on this connector as a process. */
import { assert, describe, it } from "@effect/vitest"
import * as Certificates from "@kps/transport/testing/Certificates"
import { binary, make as natsServer, suiteName } from "@kps/transport/testing/NatsServer"
import { Effect } from "effect"
import { spawn } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url))

const freePort = Effect.callback<number>((resume) => {
  const server = createServer().listen(0, "127.0.0.1", () => {
    const address = server.address()
    const port = typeof address === "object" && address !== null ? address.port : 0
    server.close(() => resume(Effect.succeed(port)))
  })
})

const temporary = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "conform-"))),
  (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
)

const node = `${process.execPath} --conditions=@kps/source`

const conform = Effect.fnUntraced(function*(
  options: {
    readonly env?: string
    readonly jetstream?: boolean
    readonly description?: string
    readonly args: ReadonlyArray<string>
  }
) {
  const platform = yield* natsServer({ jetstream: options.jetstream ?? false })
  const port = yield* freePort
  const connector = `${options.env ?? ""} ${node} ${path("../src/main.ts")} --host 127.0.0.1 --port {port}`.trim()
  const args = [
    "--conditions=@kps/source",
    path("../../../packages/cli/src/main.ts"),
    "conform",
    `--endpoint=127.0.0.1:${port}`,
    `--nats=${platform.url}`,
    `--connector=${options.description ?? path("../conformance.json")}`,
    `--command=${connector}`,
    ...options.args
  ]
  return yield* Effect.callback<{ readonly code: number | null; readonly stdout: string; readonly stderr: string }>(
    (resume) => {
      const child = spawn(process.execPath, args)
      let stdout = ""
      let stderr = ""
      child.stdout.on("data", (text) => stdout += text)
      child.stderr.on("data", (text) => stderr += text)
      child.on("close", (code) => resume(Effect.succeed({ code, stdout, stderr })))
      // so that it ends what it has started
      return Effect.sync(() => child.kill("SIGTERM"))
    }
  )
})

describe.skipIf(binary() === undefined)(suiteName("kps conform"), () => {
  describe.concurrent("on the process", () => {
    it.live("passes the core", () =>
      Effect.gen(function*() {
        const core = yield* conform({ args: ["--level", "core", "--format", "json"] })

        assert.strictEqual(core.code, 0, core.stderr + core.stdout)
        const report = JSON.parse(core.stdout)
        assert.deepStrictEqual([report.failed, report.skipped, report.keeps.core], [0, 0, true])
        assert.isTrue(report.cases.every(({ level }: { readonly level: string }) => level === "core"))
        assert.sameMembers(
          report.cases.map(({ id }: { readonly id: string }) => id),
          "C01 C02 C03 C04 C05 C06 C08 C09 C11 C12 C14 C22 E26".split(" ")
        )
      }), 120_000)

    it.live("passes what needs the process", () =>
      Effect.gen(function*() {
        const ids = ["G45", "G47", "O52", "O54", "O55", "O56"]
        const process = yield* conform({ args: [...ids.flatMap((id) => ["--case", id]), "--level", "full"] })

        assert.strictEqual(process.code, 0, process.stderr + process.stdout)
        assert.match(
          process.stdout,
          /^ok +G45 [^]*ok +G47 [^]*ok +O52 [^]*ok +O54 [^]*ok +O55 [^]*ok +O56 [^]*6 passed, 0 failed, 0 skipped/
        )
      }), 120_000)

    it.live(
      "passes kills between publishing and telling an outside that keeps or forgets",
      () =>
        Effect.gen(function*() {
          const { code, stderr, stdout } = yield* conform({
            env: "KPS_STATE=jetstream KPS_LEASE_TTL=2 KPS_TRANSPORT=jetstream",
            jetstream: true,
            args: ["--case", "I30", "--level", "full"]
          })

          assert.strictEqual(code, 0, stderr + stdout)
          assert.match(stdout, /^ok +I30 [^\n]* acknowledged: all 127, \d+ again; resumable: all 127, \d+ again\n/)
        }),
      180_000
    )

    it.live("calls a connector that wants certificates", () =>
      Effect.gen(function*() {
        const authority = yield* Certificates.authority("conform")
        const [server, client] = [yield* authority.issue(), yield* authority.issue()]
        const { code, stderr, stdout } = yield* conform({
          env: `KPS_TLS_CERT=${server.cert} KPS_TLS_KEY=${server.key} KPS_TLS_CLIENT_CA=${authority.ca}`,
          args: ["--tls-ca", authority.ca, "--tls-cert", client.cert, "--tls-key", client.key]
            .concat("--case", "C01", "--case", "I30", "--case", "O55")
        })

        assert.strictEqual(code, 0, stderr + stdout)
        assert.match(stdout, /^ok +C01 [^\n]*\nskipped I30 [^\n]* the outside broker has no JetStream: /)
        assert.match(stdout, /\nskipped O55 [^\n]* the connector is called with TLS already: /)
      }), 60_000)

    it.live("passes what needs an outside that refuses a payload", () =>
      Effect.gen(function*() {
        const folder = yield* temporary
        const outside = yield* natsServer({ config: "max_payload: 1024" })
        const { streams, ...about } = JSON.parse(readFileSync(path("../conformance.json"), "utf8"))
        const refusing = { metadata: streams.egress.working, payload: "x".repeat(2_000) }
        const description = join(folder, "conformance.json")
        writeFileSync(
          description,
          JSON.stringify({
            ...about,
            streams: { ...streams, egress: { ...streams.egress, refusing } },
            outside: { nats: { ...about.outside.nats, url: outside.url } }
          })
        )
        const { code, stderr, stdout } = yield* conform({
          description,
          args: ["--case", "G42", "--case", "G43", "--level", "full"]
        })

        assert.strictEqual(code, 0, stderr + stdout)
        assert.match(stdout, /^ok +G42 [^]*ok +G43 [^]*2 passed, 0 failed, 0 skipped/)
      }), 90_000)

    it.live("catches a connector that breaks a rule, says which and how to see it again", () =>
      Effect.gen(function*() {
        const folder = yield* temporary
        const html = join(folder, "report.html")
        // as the original does: config alone stops every stream
        const { code, stderr, stdout } = yield* conform({
          env: "KPS_SET_PAYLOAD=replaceAll",
          args: ["--case", "C01", "--case", "C06", "--case", "C07", "--seed", "5", "--html", html]
        })

        assert.strictEqual(code, 1)
        assert.match(stdout, /^ok +C01 [^\n]*\nFAILED +C06 core [^\n]* \| expected: the streams go on \| got: /)
        assert.match(stdout, /\n {2}again: {4}kps conform [^\n]*KPS_SET_PAYLOAD=replaceAll[^\n]* --case C06 --seed 5\n/)
        assert.match(stdout, /\n {4}SetPayload [^\n]*"config"[^\n]* -> OK\n/)
        assert.match(stderr, /the core is broken: C06/)
        const page = readFileSync(html, "utf8")
        assert.match(page, /<details class="failed" id="C06" open>/)
        assert.include(page, "--case C06 --seed 5")
      }), 60_000)
  })
})
