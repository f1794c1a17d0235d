/** The connector's container: what its Dockerfile says, and the image's one file run as the image runs it. */
import { assert, describe, it, layer } from "@effect/vitest"
import { ConnectorClient } from "@kps/client"
import { StreamDirection } from "@kps/idl"
import { Channel, NatsConnection, NatsTransport, Transport } from "@kps/transport"
import { binary, make as natsServer, suiteName as natsSuiteName } from "@kps/transport/testing/NatsServer"
import { Context, Effect, Layer, Stream } from "effect"
import { spawnSync } from "node:child_process"
import { copyFileSync, globSync, readFileSync, statSync } from "node:fs"
import { join } from "node:path"
import { root } from "./Command.ts"
import * as Consumer from "./Consumer.ts"
import * as Dockerfile from "./Dockerfile.ts"
import * as Program from "./Program.ts"

const ignore = Dockerfile.read("Dockerfile.dockerignore")
const stages = Dockerfile.parse(Dockerfile.read("Dockerfile"))
const final = stages.at(-1)
assert(final !== undefined)
const copies = stages.flatMap(({ instructions }) =>
  instructions.filter(({ name }) => name === "COPY").map(Dockerfile.copyOf)
)
const commands = stages.flatMap(({ instructions }) =>
  instructions.filter(({ name }) => name === "RUN").map(({ text }) => text)
)
const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8"))
const pnpm: string = manifest.packageManager

describe("the Dockerfile", () => {
  it("starts from exact versions: the Node and the pnpm that this repository uses", () => {
    const [, node] = /^const NODE = "(.+)"$/m.exec(readFileSync(join(root, "scripts/bootstrap.mjs"), "utf8")) ?? []
    for (const { from } of stages) {
      assert.strictEqual(/^node:([0-9.]+)-[a-z]+-slim$/.exec(from)?.[1], node, from)
    }
    assert.deepStrictEqual(commands.filter((command) => command.startsWith("npm ")), [`npm install --global ${pnpm}`])
    for (const { instructions } of stages) {
      for (const { text } of instructions) assert.notMatch(text, /:latest|@latest/)
    }
  })

  it("copies what is there, and what its .dockerignore lets in", () => {
    assert.isNotEmpty(copies)
    for (const { from, sources } of copies) {
      if (from !== undefined) assert.include(stages.map(({ as }) => as), from)
      else {
        for (const source of sources) {
          assert.isTrue(Dockerfile.exists(source), source)
          assert.isTrue(Dockerfile.admits(ignore, source), source)
        }
      }
    }
    for (const path of [".git/config", "node_modules/effect/package.json", "packages/idl/dist/index.js", "apps/demo"]) {
      assert.isFalse(Dockerfile.admits(ignore, path), path)
    }
  })

  it("ends as uid 9999, with a command that needs no shell, on the port of the class's service", () => {
    assert.strictEqual(Dockerfile.last(final, "USER"), "9999:9999")
    assert.deepStrictEqual(JSON.parse(Dockerfile.last(final, "ENTRYPOINT") ?? ""), ["node", "/connector/main.mjs"])
    assert.strictEqual(Dockerfile.last(final, "EXPOSE"), "8000")
    assert.include(Dockerfile.read("samples/connector.yaml"), "targetPort: 8000")
    for (const name of ["RUN", "SHELL", "CMD", "VOLUME", "HEALTHCHECK"]) {
      assert.isUndefined(Dockerfile.last(final, name), name)
    }
  })
})

class Image extends Context.Service<Image, Dockerfile.Image>()("ship/Image") {}

const image = Layer.effect(
  Image,
  Dockerfile.build({ stages, ignore, skipped: (command) => command === `npm install --global ${pnpm}` })
)

const missing = Consumer.skipReason()
  ?? (process.platform === "linux" && process.getuid?.() === 0
    ? undefined
    : "only root on Linux may start it as uid 9999")

const suiteName = (name: string) => missing === undefined ? natsSuiteName(name) : `${name} (skipped: ${missing})`

describe.skipIf(missing !== undefined || binary() === undefined)(suiteName("the image"), () => {
  layer(image, { excludeTestServices: true, timeout: "120 seconds" })("made by the Dockerfile's own steps", (it) => {
    it.effect("holds the bundle and the licence, and nobody may write there", () =>
      Effect.gen(function*() {
        const { folder } = yield* Image
        const files = globSync("**/*", { cwd: folder })
        assert.deepStrictEqual(files.toSorted(), ["connector", "connector/LICENSE", "connector/main.mjs"])
        for (const file of files) assert.strictEqual(statSync(join(folder, file)).mode & 0o222, 0, file)
        // one file of everything that is used: not the megabytes of its source map
        assert.isBelow(statSync(join(folder, "connector/main.mjs")).size, 2_000_000)
      }))

    it.effect(
      "runs as uid 9999 without writing anywhere: serves, moves messages, and exits 0 when it is told to stop",
      () =>
        Effect.gen(function*() {
          const { folder } = yield* Image
          const platform = yield* natsServer()
          const outside = yield* natsServer()
          const connector = yield* start(folder, { CONNECTOR_INSTANCE_ID: "c-1", NATS_BROKER: platform.url })
          const port = yield* connector.find("the ready line", readyPort)
          assert.deepStrictEqual(ownerOf(connector.pid), { uid: 9999, gid: 9999 })

          yield* Effect.gen(function*() {
            const client = yield* ConnectorClient.ConnectorClient
            assert.strictEqual(yield* client.health(), "SERVING")
            const channel = Channel.ChannelName.make("ch.in")
            const transport = yield* Transport.Transport
            const messages = yield* transport.subscription(channel)
            yield* client.setStreams([{
              id: "in",
              direction: StreamDirection.INGRESS,
              transportChannel: channel,
              metadata: { subject: "nats_in", broker: outside.url }
            }])
            const world = Context.get(
              yield* Layer.build(NatsTransport.layer({ servers: [outside.url] })),
              NatsConnection.NatsConnection
            )
            ;(yield* world.current).publish("nats_in", "21.5")
            const [message] = yield* messages.pipe(
              Stream.take(1),
              Stream.runCollect,
              Effect.timeoutOrElse({ duration: "10 seconds", orElse: () => Effect.die(new Error("no message")) })
            )
            assert.deepStrictEqual(message?.payloads.map((payload) => new TextDecoder().decode(payload)), ["21.5"])
          }).pipe(Effect.provide([
            ConnectorClient.layer({ endpoint: `127.0.0.1:${port}`, connectorId: "c-1" }),
            NatsTransport.layer({ servers: [platform.url] })
          ]))

          assert.strictEqual(yield* connector.stop, 0)
        }),
      60_000
    )
  })
})

/** Starts the image's entry point: as its user, from its folder, and forbidden to write or to start anything. */
const start = (folder: string, env: Readonly<Record<string, string>>) =>
  Effect.gen(function*() {
    // one cast: what the test above checks
    const [command, ...args] = JSON.parse(Dockerfile.last(final, "ENTRYPOINT") ?? "[]") as ReadonlyArray<string>
    assert.strictEqual(command, "node")
    const user = { uid: 9999, gid: 9999 }
    let node = process.execPath
    if (spawnSync(node, ["--version"], user).status !== 0) {
      // where it lies, others may not look
      node = join(folder, "..", "node")
      copyFileSync(process.execPath, node)
    }
    const paths = args.map((arg) => arg.startsWith("/") ? join(folder, arg) : arg)
    return yield* Program.start(node, [...paths, "--host", "127.0.0.1", "--port", "0"], {
      user,
      cwd: join(folder, "connector"),
      env: { ...env, NODE_OPTIONS: "--permission --allow-fs-read=*" }
    })
  })

/** The port of the line that says that the connector is ready. */
const readyPort = (stderr: string): number | undefined =>
  stderr.split("\n").slice(0, -1).map((line) => JSON.parse(line))
    .find(({ message }) => message === "connector is ready")?.annotations.port

/** Whom a process runs as. */
const ownerOf = (pid: number | undefined) => {
  const status = readFileSync(`/proc/${pid}/status`, "utf8")
  const id = (name: string) => Number(new RegExp(`^${name}:\t(\\d+)`, "m").exec(status)?.[1])
  return { uid: id("Uid"), gid: id("Gid") }
}
