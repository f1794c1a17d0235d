/** `kps class`, as a process of its own, on the NATS connector and on modules of the test. */
import { assert, layer } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import * as KpsProcess from "./support/KpsProcess.ts"

const here = (relative: string) => fileURLToPath(new URL(relative, import.meta.url))
const app = here("../../../apps/nats-connector")
const [module, template, document] = [
  join(app, "src/NatsConnector.ts"),
  join(app, "samples/connector.yaml"),
  join(app, "samples/class.json")
]
const sample = readFileSync(document, "utf8")

class Kps extends Context.Service<Kps, KpsProcess.KpsProcess>()("@kps/cli/test/KpsClass") {
  static readonly layer = Layer.effect(
    Kps,
    KpsProcess.make({}, {
      // below the package, so that a module resolves what the package does
      below: here("../dist"),
      // our packages from their sources; those of an author are built
      node: ["--conditions=@kps/source", "--no-warnings"]
    })
  )
}

/** A connector in JavaScript. */
const connector = (description: string) => `
import { Connector } from "@kps/connector"
import { Schema } from "effect"
export const Sensor = Connector.make("sensor")({
  version: "1.0",
  description: "Reads a sensor.",
  direction: "INGRESS",
  staticParameters: Schema.Struct({ image_tag: Schema.String.annotate({ description: "Tag of the image." }) }),
  stream: Schema.Struct({ path: Schema.String${description} }),
  config: Schema.Struct({}),
  failures: {}
})
export default Sensor
`
const described = ".annotate({ description: \"Path of the file.\" })"

layer(Kps.layer, { excludeTestServices: true, timeout: "60 seconds" })("kps class", (it) => {
  it.effect(
    "build prints the class of a definition in TypeScript, or writes it to a file",
    () =>
      Effect.gen(function*() {
        const { file, run } = yield* Kps
        const printed = yield* run("class", "build", module, "--template", template)
        const out = file("class.json", "")
        const written = yield* run("class", "build", module, "--export", "NatsConnector", "-t", template, "-f", out)

        assert.deepStrictEqual(printed, { code: 0, out: sample, err: "" })
        assert.deepStrictEqual(written, { code: 0, out: "", err: "" })
        assert.strictEqual(readFileSync(out, "utf8"), sample)
      }),
    30_000
  )

  it.effect("build takes a definition in JavaScript too, exported under two names", () =>
    Effect.gen(function*() {
      const { file, run } = yield* Kps
      const { code, err, out } = yield* run(
        "class",
        "build",
        file("sensor.mjs", connector(described)),
        "-t",
        template,
        "--min-svc-domain-version",
        "2.4.0"
      )

      assert.strictEqual(err, "")
      assert.strictEqual(code, 0)
      assert.deepInclude(JSON.parse(out), {
        name: "sensor",
        type: "INGRESS",
        minSvcDomainVersion: "2.4.0",
        configParameterSchema: { type: "object", properties: {}, additionalProperties: false }
      })
    }), 30_000)

  it.effect(
    "build refuses a definition with a property that is not described, and writes nothing",
    () =>
      Effect.gen(function*() {
        const { file, run } = yield* Kps
        const out = file("undescribed.json", "before")
        const done = yield* run("class", "build", file("undescribed.mjs", connector("")), "-t", template, "-f", out)

        assert.deepStrictEqual(done, {
          code: 2,
          out: "",
          err:
            "kps: 1 violation in connector class \"sensor\":\n  streamParameterSchema.path: expected a description: annotate({ description: \"…\" })\n"
        })
        assert.strictEqual(readFileSync(out, "utf8"), "before")
      }),
    30_000
  )

  it.effect(
    "check succeeds while document and code are the same, and tells every place where they are not",
    () =>
      Effect.gen(function*() {
        const { file, run } = yield* Kps
        const same = yield* run("class", "check", module, "-t", template, "-f", document)
        const { streamParameterSchema: { properties, ...schema }, ...rest } = JSON.parse(sample)
        const { queue: _, ...others } = properties
        const changed = file(
          "changed.json",
          JSON.stringify({
            ...rest,
            connectorVersion: "1.1",
            streamParameterSchema: { ...schema, properties: others },
            yamlData: rest.yamlData.replace("replicas: 1", "replicas: 2")
          })
        )
        const differs = yield* run("class", "check", module, "-t", template, "-f", changed)

        assert.strictEqual(same.err, "")
        assert.strictEqual(same.code, 0)
        assert.strictEqual(differs.out, "")
        assert.strictEqual(differs.code, 1)
        const line = rest.yamlData.split("\n").indexOf("  replicas: 1") + 1
        for (
          const place of [
            "connectorVersion: expected \"1.0\", as in the code, got \"1.1\"",
            "streamParameterSchema.properties.queue: expected {",
            `line ${line}, yamlData: expected "  replicas: 1", as in the template, got "  replicas: 2"`,
            "write it anew with kps class build"
          ]
        ) assert.include(differs.err, place)
      }),
    30_000
  )

  it.effect("diff says what breaks, by a value that was good, and exits 1", () =>
    Effect.gen(function*() {
      const { file, run } = yield* Kps
      const old = JSON.parse(sample)
      const next = file(
        "next.json",
        JSON.stringify({
          ...old,
          type: "INGRESS",
          streamParameterSchema: { ...old.streamParameterSchema, required: ["subject", "broker", "queue"] }
        })
      )
      const same = yield* run("class", "diff", document, document, "-o", "json")
      const wider = yield* run("class", "diff", next, document)
      const breaking = yield* run("class", "diff", document, next, "-o", "json")
      const table = yield* run("class", "diff", document, next)

      assert.strictEqual(same.code, 0)
      assert.strictEqual(same.err, "")
      for (const { verdict } of JSON.parse(same.out)) assert.strictEqual(verdict, "compatible")
      assert.strictEqual(wider.code, 0)

      assert.strictEqual(breaking.code, 1)
      assert.match(breaking.err, /next\.json is not known to take all that .*class\.json takes/)
      const [type, statics, config, stream] = JSON.parse(breaking.out)
      assert.deepStrictEqual(type.reasons, ["EGRESS streams are no longer taken"])
      assert.deepStrictEqual([statics.verdict, config.verdict], ["compatible", "compatible"])
      assert.strictEqual(stream.verdict, "breaking")
      assert.hasAllKeys(stream.example, ["subject", "broker"])
      assert.deepStrictEqual(stream.reasons, ["queue: expected a string, got none"])
      assert.match(table.out, /^streamParameterSchema +breaking +\{.*\} +queue: expected a string, got none/m)
    }), 30_000)

  it.effect("says what is wrong with a module, and exits 2", () =>
    Effect.gen(function*() {
      const { file, run } = yield* Kps
      const two = connector(described).replace("export default Sensor", "export const Other = { ...Sensor }")
      const cases: ReadonlyArray<readonly [file: string, args: ReadonlyArray<string>, problem: RegExp]> = [
        [join(app, "no-such.ts"), [], /no file .*no-such\.ts/],
        [file("broken.mjs", "export const a = ;"), [], /it does not load: SyntaxError: /],
        [file("throws.mjs", "throw new Error('no licence')"), [], /it does not load: Error: no licence/],
        [
          file("missing.mjs", "import 'no-such-package'"),
          [],
          /it does not load: Error: Cannot find package 'no-such-package'/
        ],
        [file("enum.ts", "export enum A { B }"), [], /it does not load: .*Node strips types and does no more/],
        [file("empty.mjs", ""), [], /want an export that is what Connector\.make gives: it exports nothing/],
        [file("other.mjs", "export const a = {}, b = 1"), [], /Connector\.make gives: it exports a, b/],
        [file("two.mjs", two), [], /want --export to say which: Other, Sensor/],
        [module, ["--export", "Nats"], /want an export "Nats": it exports NatsConnector/],
        [file("named.mjs", "export const a = {}"), ["--export", "a"], /want "a" to be what Connector\.make gives/]
      ]
      for (const [module, args, problem] of cases) {
        const { code, err, out } = yield* run("class", "build", module, "-t", template, ...args)
        assert.match(err, problem)
        assert.strictEqual(out, "")
        assert.strictEqual(code, 2, err)
      }
      yield* run("class", "build", file("two-named.mjs", two), "-t", template, "--export", "Other").pipe(
        Effect.map(({ code }) => assert.strictEqual(code, 0))
      )
    }), 60_000)

  it.effect("says what is wrong with a template or a document, and exits 2", () =>
    Effect.gen(function*() {
      const { file, run } = yield* Kps
      const noFile = yield* run("class", "build", module, "-t", join(app, "no-such.yaml"))
      const action = yield* run(
        "class",
        "build",
        module,
        "-t",
        file("a.yaml", "a: 1\nb: {{ if .Parameters.image_tag }}\n")
      )
      const stream = yield* run("class", "diff", document, join(app, "samples/stream-in.json"))

      assert.match(noFile.err, /cannot read ".*no-such\.yaml"/)
      assert.include(
        action.err,
        "line 2, yamlData: expected {{ .Parameters.<name> }}, got \"{{ if .Parameters.image_tag }}\""
      )
      assert.include(stream.err, "expected a connectorClass, got what is a connectorStream by its keys")
      const odd = file("odd.json", JSON.stringify({ ...JSON.parse(sample), configParameterSchema: { type: "objekt" } }))
      const schema = yield* run("class", "diff", odd, document)

      const two = yield* run(
        "class",
        "check",
        module,
        "-t",
        template,
        "-f",
        file("two.yaml", `${sample}---\n${sample}`)
      )

      assert.match(two.err, /two\.yaml:\n {2}expected one connector class, got 2 documents/)
      assert.match(schema.err, /odd\.json:\n {2}configParameterSchema: expected a JSON Schema of draft-07/)
      for (const { code } of [noFile, action, stream, schema, two]) assert.strictEqual(code, 2)
    }), 30_000)
})
