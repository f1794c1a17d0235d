import { assert, describe, it } from "@effect/vitest"
import { Document } from "@kps/resources"
import { Effect } from "effect"
import { parse as parseYaml } from "yaml"
import * as Good from "./documents.ts"

const file = `# everything of a pipeline
kind: Category
name: Data Type
description: What it is
values:
  - nats
---
kind: PROJECT
name: NatsConnectorProject
description: a project
users: [u-1]
edges: [plant-1]
cloudProfiles: []
dockerProfiles: []
privileged: false
---
kind: function
name: echo
project: NatsConnectorProject
description: echoes
sourceCodePath: samples/echo.py
language: python
environment: python-env
---
---
kind: dataPipeline
name: pipeline
project: NatsConnectorProject
description: in to out
samplingIntervalMsec: 500
functions:
  - name: echo
input:
  categorySelectors:
    Data Type:
      - nats
output:
  localEdge:
    type: Connector
    endpointName: natsconnectorstream-out
`

const parse = (text: string, kind?: Document.Kind) =>
  Document.parse(text, kind === undefined ? { file: "a.yaml" } : { file: "a.yaml", kind })

const refused = (text: string, kind?: Document.Kind) =>
  Effect.map(Effect.flip(parse(text, kind)), ({ message }) => message)

describe("a file", () => {
  it.effect("with several documents in YAML gives them all, with their lines, whatever the case of their kinds", () =>
    Effect.gen(function*() {
      const documents = yield* parse(file)
      assert.deepStrictEqual(documents.map(({ kind, line }) => [kind, line]), [
        ["category", 2],
        ["project", 8],
        ["function", 17],
        ["dataPipeline", 26]
      ])
      const encoded = yield* Effect.forEach(documents, Document.encode)
      const want = file.split("---\n").filter((text) => text !== "").map((text) => parseYaml(text))
      assert.deepStrictEqual(
        encoded,
        want.map((document, n) => Object.assign(document, { kind: documents[n]?.kind }))
      )
    }))

  it.effect("in JSON is of the kind that its keys say, or that is given", () =>
    Effect.gen(function*() {
      for (
        const [kind, document] of [
          ["connectorClass", Good.connectorClass],
          ["connectorInstance", Good.instance],
          ["connectorStream", Good.ingress],
          ["connectorConfig", Good.config]
        ] as const
      ) {
        for (const given of [undefined, kind]) {
          const [found, ...others] = yield* parse(JSON.stringify(document, null, 2), given)
          assert(found?.kind === kind)
          assert.isEmpty(others)
          assert.deepStrictEqual(yield* Document.encode(found), document)
        }
      }
      const [domain] = yield* parse(JSON.stringify(Good.serviceDomain), "serviceDomain")
      assert.strictEqual(domain?.kind, "serviceDomain")
      const [tabs] = yield* parse(JSON.stringify({ ...Good.config, name: "\u{1f980} \"\\/" }, null, "\t"))
      assert.strictEqual(tabs?.value.name, "\u{1f980} \"\\/")
    }))

  it.effect("has everything told that is wrong with any of its documents, by line", () =>
    Effect.gen(function*() {
      const bad = file.replace("  - nats\n---", "  []\n---").replace("python-env", "node-env")
        .replace("categorySelectors", "categorySelector")
      assert.strictEqual(
        yield* refused(bad),
        `3 violations in a.yaml:
  line 6, [0].values: expected at least one value, got an array of 0 items
  line 23, [2].environment: expected a runtime for python, this one is for node, got "node-env"
  line 34, [3].input: expected either "categorySelectors" or "dataPipeline", got neither`
      )
    }))

  it.effect("is refused where it cannot be read", () =>
    Effect.gen(function*() {
      assert.match(yield* refused("{\"name\": \"a\",\n\"name\": \"b\"}"), /line 2: Map keys must be unique/)
      assert.match(yield* refused("{\"name\": "), /^1 violation in a.yaml:\n {2}line 1: /)
      assert.match(yield* refused("kind: category\n---\na: [1\n"), /line \d, \[1\]: Flow sequence/)
      assert.include(yield* refused(""), "expected at least one document, got none")
      assert.include(yield* refused("- a\n"), "line 1: expected an object, got an array of 1 item")
      const bomb = [
        "a: &a [x]",
        ..."bcdefghi".split("").map((key, n) => `${key}: &${key} [${Array(9).fill(`*${"abcdefgh"[n]}`).join()}]`)
      ]
      assert.match(yield* refused(bomb.join("\n")), /Excessive alias count/)
    }))

  it.effect("is refused where a kind is none, or another", () =>
    Effect.gen(function*() {
      const known =
        "connectorClass, connectorInstance, connectorStream, connectorConfig, serviceDomain, category, project, function, dataPipeline"
      assert.include(yield* refused("name: a\n"), `line 1, kind: expected a kind (${known}), got none`)
      assert.include(
        yield* refused("name: a\nkind: streams\n"),
        `line 2, kind: expected a kind (${known}), got "streams"`
      )
      assert.include(yield* refused("kind: DataSource\n"), "got \"DataSource\", which this platform does not have")
      assert.include(yield* refused("kind: 5\n"), "got 5")
      assert.include(
        yield* refused("kind: category\nname: a\nvalues: [b]\n", "project"),
        "expected the kind project, got \"category\""
      )
      assert.include(
        yield* refused(JSON.stringify(Good.ingress), "connectorConfig"),
        "expected a connectorConfig, got what is a connectorStream by its keys"
      )
    }))
})
