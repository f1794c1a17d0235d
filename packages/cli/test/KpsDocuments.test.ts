import { assert, layer } from "@effect/vitest"
import { Access, Documents, EventHistory, RestServer } from "@kps/service-domain"
import { Clock, Context, Effect, Layer, Redacted, References } from "effect"
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { parse, parseAllDocuments } from "yaml"
import * as KpsProcess from "./support/KpsProcess.ts"

const samples = fileURLToPath(new URL("../../../samples/nats", import.meta.url))
const classFile = join(samples, "class.json")

class Kps extends Context.Service<
  Kps,
  KpsProcess.KpsProcess & {
    readonly url: string
    /** Writes a file and gives its path. */
    readonly file: (name: string, content: unknown) => string
    /** Creates what a file describes, and gives the id that was printed. */
    readonly created: (noun: string, name: string, content: unknown) => Effect.Effect<string>
  }
>()("test/Kps") {}

const kps = Layer.effect(
  Kps,
  Effect.gen(function*() {
    const { url } = yield* RestServer.RestServer
    const made = yield* KpsProcess.make({ KPS_PASSWORD: "hunter22" })
    const file = (name: string, content: unknown) => {
      const path = join(made.folder, name)
      writeFileSync(path, typeof content === "string" ? content : JSON.stringify(content))
      return path
    }
    return Kps.of({
      ...made,
      url,
      file,
      created: (noun, name, content) =>
        Effect.map(made.run("create", noun, "-f", file(name, content)), ({ code, err, out }) => {
          assert.deepStrictEqual([code, err], [0, ""], noun)
          const [, id = ""] = /^Successfully created [a-z]+ ".*" with id (\S+)\n$/.exec(out) ?? []
          assert.notStrictEqual(id, "", out)
          return id
        })
    })
  })
)

/** Each command is a process of its own. */
const patience = 120_000

const account = { email: "admin@kps.test", password: Redacted.make("hunter22") }

const server = RestServer.layer({ port: 0 }).pipe(
  Layer.provideMerge(Layer.mergeAll(
    Documents.layerMemory,
    EventHistory.layerMemory(),
    Access.layer({ token: Redacted.make("a-token-of-the-test"), accounts: [account] })
  )),
  Layer.provide(Layer.succeed(References.MinimumLogLevel, "None"))
)

layer(Layer.provideMerge(kps, server), { excludeTestServices: true, timeout: "60 seconds" })("documents", (it) => {
  it.effect(
    "are created as the original documentation says, and shown by the names that it has",
    () =>
      Effect.gen(function*() {
        const { created, file, run, url } = yield* Kps
        const context = yield* run("config", "create-context", "lab", "--email", account.email, "-u", url)
        assert.deepStrictEqual([context.code, context.err], [0, ""])

        yield* created("svcdomain", "svcdomain.yaml", "name: svc-domain-1\n")
        const category = yield* created(
          "category",
          "category.yaml",
          "kind: category\nname: Data Type\nvalues: [nats]\n"
        )
        const project = yield* created(
          "project",
          "project.yaml",
          "kind: project\nname: NatsConnectorProject\ndescription: ''\nedges: [svc-domain-1]\n"
        )
        const domains = JSON.parse((yield* run("get", "svcdomain", "-o", "json")).out)
        const connectorClass = yield* created("connectorclass", "class.json", readFileSync(classFile, "utf8"))
        const instance = yield* created("connectorinstance", "instance.json", {
          name: "natsconnector",
          connectorClassID: connectorClass,
          projectId: project,
          staticParameters: { image_tag: "latest" }
        })
        const stream = (name: string, direction: string, subject: string, labels: ReadonlyArray<unknown>) => ({
          name,
          connectorInstanceID: instance,
          ...(labels.length === 0 ? {} : { labels }),
          direction,
          serviceDomainIds: [domains[0].id],
          stream: { subject, broker: "nats://nats:4222" }
        })
        const labels = [{ id: category, value: "nats" }]
        yield* created("connectorstream", "in.json", stream("natsconnectorstream-in", "INGRESS", "nats_in", labels))
        yield* created("connectorstream", "out.json", stream("natsconnectorstream-out", "EGRESS", "nats_out", []))
        yield* created("connectorconfig", "config.json", {
          name: "natsconnectorsconfig",
          connectorInstanceID: instance,
          config: { log_level: "INFO" },
          serviceDomainIds: [domains[0].id]
        })

        const table = yield* run("get", "connectorstream")
        assert.match(
          table.out,
          /^NAME +INSTANCE +DIRECTION +LABELS +STREAM +ID\nnatsconnectorstream-in +natsconnector +INGRESS +Data Type=nats +/
        )
        const one = yield* run(
          "get",
          "connectorstreams",
          "natsconnectorstream-out",
          "-p",
          "NatsConnectorProject",
          "-o",
          "yaml"
        )
        assert.strictEqual(parse(one.out).stream.subject, "nats_out")
        const yaml = parse((yield* run("get", "project", "-o", "yaml")).out)
        assert.deepInclude(yaml, { kind: "project", name: "NatsConnectorProject", edges: ["svc-domain-1"] })

        // a stream in use is not deleted, an unknown one is told
        const used = yield* run("delete", "connectorinstance", "natsconnector")
        assert.strictEqual(used.code, 1)
        assert.match(used.err, /connector instance "natsconnector" is in use by /)
        const unknown = yield* run("delete", "connectorstream", "natsconnectorstream-on")
        assert.strictEqual(unknown.code, 1)
        assert.match(
          unknown.err,
          /no connectorstream has the name or the id "natsconnectorstream-on" \(known: natsconnector/
        )
        const passed = yield* run("delete", "connectorstream", "natsconnectorstream-on", "--ignore-not-found")
        assert.deepStrictEqual([passed.code, passed.out, passed.err], [0, "", ""])

        // what is refused by the service domain's rules is told by file, line and path, and nothing of the file is there
        const bad = file(
          "bad.yaml",
          [
            "kind: category\nname: Other\nvalues: [a]",
            `kind: connectorStream\nname: x\nconnectorInstanceID: ${instance}\ndirection: INGRESS\nstream: {subject: 7}`
          ].join("\n---\n")
        )
        const refused = yield* run("create", "-f", bad)
        assert.deepStrictEqual([refused.code, refused.out], [2, ""])
        assert.match(refused.err, /bad\.yaml/)
        assert.match(refused.err, /labels: expected at least one label/)
        assert.notMatch((yield* run("get", "category")).out, /Other/)
      }),
    patience
  )

  it.effect("of a folder are applied, changed, and deleted, each in the right order", () =>
    Effect.gen(function*() {
      const { run, url } = yield* Kps
      yield* run("config", "create-context", "lab", "--email", account.email, "-u", url)
      // the names of the test before are taken: what is there is updated
      const applied = yield* run("apply", "-f", samples)
      assert.deepStrictEqual([applied.code, applied.err], [0, ""])
      assert.match(applied.out, /Successfully created datapipeline "nats-echo" with id /)
      const again = yield* run("apply", "-f", samples, "-o", "json")
      assert.deepStrictEqual(
        JSON.parse(again.out).filter(({ action }: { readonly action: string }) => action !== "unchanged"),
        []
      )
      const dry = yield* run("update", "-f", samples, "--dry-run")
      assert.match(dry.out, /^category "Protocol" is so already\n/)
      const pipelines = yield* run("get", "datapipeline", "-o", "yaml")
      assert.deepInclude(parse(pipelines.out), { project: "NatsConnectorProject", functions: [{ name: "echo" }] })
      assert.strictEqual(parseAllDocuments((yield* run("get", "category", "-o", "yaml")).out).length, 2)

      const deleted = yield* run("delete", "-f", samples)
      assert.deepStrictEqual([deleted.code, deleted.err], [0, ""])
      assert.match(
        deleted.out,
        /^Successfully deleted datapipeline "nats-echo"\nSuccessfully deleted function "echo"\n/
      )
      assert.strictEqual((yield* run("get", "project", "-o", "json")).out, "[]\n")
    }), patience)

  it.effect("are not shown to those without a token that is good", () =>
    Effect.gen(function*() {
      const { run, runWith, url } = yield* Kps
      const failed = yield* run("config", "create-context", "x", "--email", account.email, "-p", "wrong", "-u", url)
      assert.strictEqual(failed.code, 1)
      const stranger = yield* runWith({ KPS_URL: url, KPS_TOKEN: "no-good" })("get", "category")
      assert.deepStrictEqual([stranger.code, stranger.out], [1, ""])
      assert.match(stranger.err, /log in again with kps config create-context/)
    }), patience)

  it.effect("have alerts and statuses, by names", () =>
    Effect.gen(function*() {
      const { run, url } = yield* Kps
      yield* run("config", "create-context", "lab", "--email", account.email, "-u", url)
      yield* run("apply", "-f", samples)
      const idOf = (noun: string, name: string) =>
        Effect.map(run("get", noun, name, "-o", "json"), ({ out }): string => JSON.parse(out)[0].id)
      const history = yield* EventHistory.EventHistory
      const instance = `/serviceDomain:${yield* idOf("svcdomain", "svc-domain-1")}/project:${yield* idOf(
        "project",
        "NatsConnectorProject"
      )}/connectorInstance:${yield* idOf("connectorinstance", "natsconnector")}`
      const stream = `${instance}/connectorStream:${yield* idOf("connectorstream", "natsconnectorstream-in")}`
      const now = yield* Clock.currentTimeMillis
      const at = (millis: number) => new Date(now + millis).toISOString()
      const event = (path: string, name: string, state: string, timestamp: string) => ({
        type: "ALERT" as const,
        severity: "CRITICAL",
        state,
        message: `${name} is ${state}`,
        path,
        properties: { name },
        timestamp
      })
      yield* history.add([
        event(instance, "brokerAway", "FAILED", at(-9_000)),
        event(instance, "brokerAway", "HEALTHY", at(-5_000)),
        event(stream, "streamFailed", "FAILED", at(-2_000))
      ])
      const whose = ["-s", "svc-domain-1", "-p", "NatsConnectorProject", "-i", "natsconnector"]
      const alerts = yield* run("get", "connectorinstancealerts", ...whose)
      assert.strictEqual(alerts.err, "")
      const lines = alerts.out.trimEnd().split("\n")
      assert.match(lines[0] ?? "", /^TIME +NAME +STREAM +SEVERITY +STATE +MESSAGE$/)
      assert.match(lines[1] ?? "", / streamFailed +natsconnectorstream-in +CRITICAL +FAILED /)
      assert.match(lines[2] ?? "", / brokerAway +CRITICAL +HEALTHY /)
      assert.strictEqual(lines.length, 3)
      const all = yield* run("get", "connectorinstancealerts", ...whose, "--history", "-o", "json")
      assert.strictEqual(JSON.parse(all.out).length, 3)
      const narrow = yield* run("get", "connectorinstancealerts", ...whose, "-t", "natsconnectorstream-in")
      assert.strictEqual(narrow.out.trimEnd().split("\n").length, 2)
      const statuses = yield* run("get", "connectorinstancestatus", ...whose)
      assert.match(statuses.out, /^TIME +NAME +STREAM +STATE +MESSAGE\n$/)
      const missing = yield* run("get", "connectorinstancealerts", "-i", "natsconnector")
      assert.deepStrictEqual([missing.code, missing.err], [2, "kps: say whose: --svcdomain, --project are missing\n"])
    }), patience)
})
