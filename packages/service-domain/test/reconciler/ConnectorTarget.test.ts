import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import * as ConnectorTarget from "../../src/reconciler/ConnectorTarget.ts"

const problem = (text: string) =>
  Result.match(ConnectorTarget.parse(text), { onFailure: ({ problem }) => problem, onSuccess: () => "none" })

describe("ConnectorTarget", () => {
  it("reads commands and addresses", () => {
    assert.deepStrictEqual(Result.getOrThrow(ConnectorTarget.parse("c=node main.js --a=b")), [
      "c",
      { _tag: "Command", command: "node main.js --a=b" }
    ])
    assert.deepStrictEqual(Result.getOrThrow(ConnectorTarget.parse(" c:1.0 = plant-1:8000 ")), [
      "c:1.0",
      { _tag: "Endpoint", endpoint: "plant-1:8000" }
    ])
    assert.deepStrictEqual(Result.getOrThrow(ConnectorTarget.parse("c=[::1]:8000"))[1], {
      _tag: "Endpoint",
      endpoint: "[::1]:8000"
    })
    assert.strictEqual(Result.getOrThrow(ConnectorTarget.parse("c=./run host:8000"))[1]._tag, "Command")
  })

  it("says what is wrong with what is neither", () => {
    assert.strictEqual(problem("node main.js"), "it has no \"=\"")
    assert.strictEqual(problem("=node main.js"), "it has no name")
    assert.strictEqual(problem("c= "), "it has no command and no address")
  })

  it("prefers the instance to the version of its class, and that to the class", () => {
    const target = (command: string) => ({ _tag: "Command", command }) as const
    const targets = { nats: target("class"), "nats:2": target("version"), mine: target("instance") }
    const found = (name: string, classVersion: string, className = "nats") => {
      const its = ConnectorTarget.find(targets, { name, className, classVersion })
      return its?._tag === "Command" ? its.command : undefined
    }

    assert.strictEqual(found("mine", "2"), "instance")
    assert.strictEqual(found("other", "2"), "version")
    assert.strictEqual(found("other", "1"), "class")
    assert.strictEqual(found("toString", "1", "constructor"), undefined)
  })
})
