import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { spawn } from "node:child_process"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { createServer, type Server } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

const main = fileURLToPath(new URL("../src/main.ts", import.meta.url))

/** The command as a user runs it: from its sources, which Node can. */
const kps = (...args: ReadonlyArray<string>) =>
  Effect.callback<{ readonly code: number | null; readonly stdout: string; readonly stderr: string }>((resume) => {
    const child = spawn(process.execPath, ["--conditions=@kps/source", main, "conform", ...args])
    let stdout = ""
    let stderr = ""
    child.stdout.on("data", (text) => stdout += text)
    child.stderr.on("data", (text) => stderr += text)
    child.on("close", (code) => resume(Effect.succeed({ code, stdout, stderr })))
    return Effect.sync(() => child.kill("SIGKILL"))
  })

const file = Effect.fnUntraced(function*(text: string) {
  const folder = yield* Effect.acquireRelease(
    Effect.sync(() => mkdtempSync(join(tmpdir(), "conform-"))),
    (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
  )
  const path = join(folder, "c.yaml")
  writeFileSync(path, text)
  return path
})

const good = "id: c-1\nstreams: { ingress: { working: { subject: \"{stream}\" } } }\n"

describe.concurrent("kps conform", () => {
  it.live("says with exit code 2 everything that is wrong with the description", () =>
    Effect.gen(function*() {
      const path = yield* file("id: c-1\nstreams: { ingress: { wrking: {} } }\nconfig: { valid: 1 }\n")
      const { code, stderr, stdout } = yield* kps("--connector", path)

      assert.deepStrictEqual([code, stdout], [2, ""])
      assert.match(
        stderr,
        /describes no connector:\n {2}streams\.ingress\.wrking: .*\n {2}streams\.ingress\.working: Missing key\n {2}config\.valid: /
      )
    }), 60_000)

  it.live("says with exit code 2 that the description is no YAML, or not there", () =>
    Effect.gen(function*() {
      const broken = yield* kps("--connector", yield* file("id: [\n"))
      assert.strictEqual(broken.code, 2)
      assert.match(broken.stderr, /describes no connector/)

      const missing = yield* kps("--connector", "/no/such/file.yaml")
      assert.strictEqual(missing.code, 2)
      assert.match(missing.stderr, /cannot read "\/no\/such\/file\.yaml"/)
    }), 60_000)

  it.live("says with exit code 2 which cases there are, and which flags are wrong", () =>
    Effect.gen(function*() {
      const path = yield* file(good)
      const unknown = yield* kps("--connector", path, "--case", "C06", "--case", "C99")
      assert.strictEqual(unknown.code, 2)
      assert.match(unknown.stderr, /want --case to be one of C01, .* got "C99"/)

      const level = yield* kps("--connector", path, "--level", "half")
      assert.strictEqual(level.code, 2)
      assert.match(level.stderr, /level/)
      const none = yield* kps()
      assert.strictEqual(none.code, 2)
      assert.match(none.stderr, /connector/)
    }), 60_000)

  it.live("says with exit code 3 that there is no connector, and prints no report", () =>
    Effect.gen(function*() {
      const path = yield* file(good)
      const plainServer = yield* Effect.acquireRelease(
        Effect.callback<Server>((resume) => {
          const server = createServer((socket) => void socket.on("error", () => {}).end("no\r\n"))
          server.listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
        }),
        (server) => Effect.sync(() => server.close())
      )
      const address = plainServer.address()
      assert(typeof address === "object" && address !== null)
      const { port } = address
      const plain = yield* kps("--connector", path, "--endpoint", `127.0.0.1:${port}`, "--format", "json")
      assert.deepStrictEqual([plain.code, plain.stdout], [3, ""])
      assert.match(plain.stderr, /no connector at 127\.0\.0\.1:\d+: what answers does not speak gRPC/)
      assert.match(plain.stderr, /is --endpoint where it serves\?/)

      const secure = yield* kps("--connector", path, "--endpoint", `127.0.0.1:${port}`, "--tls")
      assert.deepStrictEqual([secure.code, secure.stdout], [3, ""])
      assert.match(secure.stderr, /no connector at 127\.0\.0\.1:\d+: no connection with TLS: /)

      const unusable = yield* kps("--connector", path, "--tls-ca", "/no/such/ca.pem")
      assert.strictEqual(unusable.code, 2)
      assert.match(unusable.stderr, /cannot use the TLS authorities "\/no\/such\/ca\.pem": no such file/)

      const dead = yield* kps("--connector", path, "--endpoint", "127.0.0.1:1")
      assert.deepStrictEqual([dead.code, dead.stdout], [3, ""])
      assert.match(dead.stderr, /no connector at 127\.0\.0\.1:1: /)
    }), 60_000)
})
