/** The walk-through of the original documentation: its commands and files, with the ids that the commands print. */
import { assert, describe, layer } from "@effect/vitest"
import * as NatsServer from "@kps/transport/testing/NatsServer"
import { connect } from "@nats-io/transport-node"
import { Context, Effect, Layer, Schedule } from "effect"
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import * as KpsProcess from "./support/KpsProcess.ts"
import * as KpsServer from "./support/KpsServer.ts"

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url))
const connector = `exec "${process.execPath}" "${here("../../../apps/nats-connector/dist/main.js")}"`

class Kps extends Context.Service<Kps, KpsProcess.KpsProcess & { readonly broker: string }>()("test/Kps") {}

const kps = Layer.effect(
  Kps,
  Effect.gen(function*() {
    const { url: broker } = yield* NatsServer.NatsServer
    const made = yield* KpsProcess.make({ NATS_SERVER_BIN: NatsServer.binary() ?? "" })
    const args = ["serve", "--port", "0", "--data", "empty", "--connector", `natsconnector=${connector}`]
    const server = yield* KpsServer.start(made, args)
    yield* server.said(/context "local" leads to it/)
    return Kps.of({ ...made, broker })
  })
)

/** Runs a command again until what it prints is as it should be. */
const until = (run: Effect.Effect<KpsProcess.Done>, is: RegExp) =>
  run.pipe(
    Effect.flatMap((done) => is.test(done.out) ? Effect.succeed(done.out) : Effect.fail(`${done.out}${done.err}`)),
    Effect.retry(Schedule.spaced("500 millis").pipe(Schedule.upTo({ duration: "60 seconds" }))),
    Effect.catch((last) => Effect.die(new Error(`never ${is}: ${last}`)))
  )

const all = kps.pipe(Layer.provide(NatsServer.layer()))

describe.skipIf(NatsServer.skipReason() !== undefined)(NatsServer.suiteName("the documentation's walk-through"), () => {
  layer(all, { excludeTestServices: true, timeout: "120 seconds" })((it) => {
    it.effect("goes from an empty folder to messages at nats_out, and to an alert", () =>
      Effect.gen(function*() {
        const { broker, folder, run } = yield* Kps
        const write = (name: string, content: unknown) => {
          writeFileSync(
            join(folder, name),
            typeof content === "string" ? content : JSON.stringify(content, undefined, 2)
          )
          return name
        }
        const create = Effect.fnUntraced(function*(...args: ReadonlyArray<string>) {
          const { code, err, out } = yield* run("create", ...args)
          assert.deepStrictEqual([code, err], [0, ""], args.join(" "))
          return /with id (\S+)/.exec(out)?.[1] ?? ""
        })

        write("echo.py", "def main(ctx, msg):\n    ctx.send(msg)\n")
        write("echo.js", "exports.main = async (ctx, msg) => ctx.send(msg)\n")
        const category = yield* create(
          "-f",
          write("category.yaml", "kind: category\nname: Data Type\nvalues: [nats]\n")
        )
        const project = yield* create(
          "-f",
          write(
            "project.yaml",
            "kind: project\nname: NatsConnectorProject\ndescription: NATS\nusers: []\nedges: [svc-domain-1]\n"
          )
        )
        const domains = yield* run("get", "svcdomain", "-o", "json")
        const domain: string = JSON.parse(domains.out)[0].id
        const connectorClass = yield* create(
          "connectorclass",
          "-f",
          write("class.json", readFileSync(here("../../../samples/nats/class.json"), "utf8"))
        )
        const instance = yield* create(
          "connectorinstance",
          "-f",
          write("instance.json", {
            name: "natsconnector",
            connectorClassID: connectorClass,
            projectId: project,
            staticParameters: { image_tag: "latest" }
          })
        )
        const stream = (name: string, direction: string, subject: string, at: string) => ({
          name,
          connectorInstanceID: instance,
          ...(direction === "INGRESS" ? { labels: [{ id: category, value: "nats" }] } : {}),
          direction,
          serviceDomainIds: [domain],
          stream: { subject, broker: at }
        })
        yield* create(
          "connectorstream",
          "-f",
          write("in.json", stream("natsconnectorstream-in", "INGRESS", "nats_in", broker))
        )
        yield* create(
          "connectorstream",
          "-f",
          write("out.json", stream("natsconnectorstream-out", "EGRESS", "nats_out", broker))
        )
        yield* create(
          "connectorconfig",
          "-f",
          write("config.json", {
            name: "natsconnectorsconfig",
            description: "This is a dynamic config for nats connector instance",
            connectorInstanceID: instance,
            config: { log_level: "INFO" },
            serviceDomainIds: [domain]
          })
        )
        yield* create(
          "-f",
          write(
            "function.yaml",
            [
              "kind: function",
              "name: echo",
              "project: NatsConnectorProject",
              "sourceCodePath: echo.js",
              "language: node",
              "environment: node-env"
            ].join("\n")
          )
        )
        yield* create(
          "datapipeline",
          "-f",
          write(
            "pipeline.yaml",
            [
              "kind: dataPipeline",
              "name: echo",
              "project: NatsConnectorProject",
              "description: From nats_in to nats_out",
              "input: { categorySelectors: { Data Type: [nats] } }",
              "functions: [{ name: echo }]",
              "output: { localEdge: { type: Connector, endpointName: natsconnectorstream-out } }"
            ].join("\n")
          )
        )

        const whose = ["-s", "svc-domain-1", "-p", "NatsConnectorProject", "-i", "natsconnector"]
        yield* until(run("get", "connectorinstancestatus", ...whose, "-t", "natsconnectorstream-in"), / streamStarted /)
        yield* until(run("top", "--once", "--interval", "200"), /\necho +RUNNING /)

        const client = yield* Effect.acquireRelease(
          Effect.promise(() => connect({ servers: broker })),
          (client) => Effect.promise(() => client.close())
        )
        const came: Array<string> = []
        client.subscribe("nats_out", {
          callback: (_, message) => {
            came.push(message.string())
          }
        })
        yield* Effect.promise(() => client.flush())
        yield* Effect.gen(function*() {
          client.publish("nats_in", `message ${came.length}`)
          yield* Effect.promise(() => client.flush())
          if (came.length < 3) return yield* Effect.fail("not yet")
        }).pipe(
          Effect.retry(Schedule.spaced("100 millis").pipe(Schedule.upTo({ duration: "30 seconds" }))),
          Effect.orDie
        )
        assert.match(came[0] ?? "", /^message \d+$/)

        // a stream that cannot be: its broker is not there
        yield* create(
          "connectorstream",
          "-f",
          write("away.json", stream("natsconnectorstream-away", "INGRESS", "nats_in", "nats://127.0.0.1:9"))
        )
        const alerts = yield* until(
          run("get", "connectorinstancealerts", ...whose, "-t", "natsconnectorstream-away"),
          / natsconnectorstream-away +CRITICAL +/
        )
        assert.match(alerts, /127\.0\.0\.1:9/)
        const other = yield* run("get", "connectorinstancealerts", ...whose, "-t", "natsconnectorstream-in")
        assert.notInclude(other.out, "natsconnectorstream-away")
      }), 240_000)
  })
})
