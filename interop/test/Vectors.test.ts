import { createRegistry, type DescMessage, fromBinary, fromJson, toBinary, toJson } from "@bufbuild/protobuf"
import { reflect } from "@bufbuild/protobuf/reflect"
import { assert, describe, it } from "@effect/vitest"
import * as Contract from "@kps/idl"
import { ConfigSchema, ErrorDetails, TransportCodec, TransportMessageSchema } from "@kps/idl"
import { Result } from "effect"
import { vectors } from "./GoldenVectors.ts"

const contract = Contract.file_connector_v1_connector
const registry = createRegistry(contract, ErrorDetails.file_google_rpc_error_details)
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex")
const schemaOf = (typeName: string): DescMessage =>
  registry.getMessage(typeName) ?? assert.fail(`no message ${typeName} in the contract`)

// what a JavaScript object cannot keep as Go does; each has a test of its own below
const noKind = "Config: metadata with a value of no kind"
const numericKeys = "Config: metadata with keys that look like numbers"
const named = (name: string) => vectors.find((vector) => vector.name === name) ?? assert.fail(`no vector "${name}"`)

describe("the generated code on the golden vectors of the Go SDK", () => {
  for (const { bytes, json, name, typeName } of vectors) {
    if (name === noKind || name === numericKeys) continue
    it(`reads and writes ${name}`, () => {
      const schema = schemaOf(typeName)
      const message = fromBinary(schema, bytes)

      assert.strictEqual(hex(toBinary(schema, message)), hex(bytes))
      if (json === undefined) return
      assert.deepStrictEqual(toJson(schema, message, { registry }), json)
      assert.strictEqual(hex(toBinary(schema, fromJson(schema, json, { registry }))), hex(bytes))
    })
  }

  it("reads a value of no kind as null", () => {
    assert.deepStrictEqual(fromBinary(ConfigSchema, named(noKind).bytes).metadata, { v: null })
  })

  it("keeps keys that look like numbers, in another order", () => {
    const { bytes, json } = named(numericKeys)
    const config = fromBinary(ConfigSchema, bytes)
    const again = toBinary(ConfigSchema, config)

    assert.deepStrictEqual(toJson(ConfigSchema, config), json)
    assert.deepStrictEqual(fromBinary(ConfigSchema, again), config)
    assert.strictEqual(again.length, bytes.length)
  })
})

describe("TransportCodec on the golden vectors of the Go SDK", () => {
  for (const { bytes, name } of vectors.filter(({ typeName }) => typeName === TransportMessageSchema.typeName)) {
    it(`reads and writes ${name}`, () => {
      const message = fromBinary(TransportMessageSchema, bytes)
      const view = Result.getOrThrow(TransportCodec.decode(bytes))
      const known = toBinary(TransportMessageSchema, message, { writeUnknownFields: false })

      assert.strictEqual(view.timestampNanos, message.timestamp)
      assert.deepStrictEqual(view.payloads, message.payload)
      assert.strictEqual(hex(TransportCodec.encode(view.timestampNanos, view.payloads)), hex(known))
      assert.strictEqual(hex(TransportCodec.encodeHalves(view, view.payloads)), hex(known))
    })
  }
})

describe("the golden vectors", () => {
  const of = (message: DescMessage) => vectors.filter(({ typeName }) => typeName === message.typeName)

  for (const message of contract.messages) {
    it(`set every field of ${message.name}`, () => {
      const unset = new Set(message.fields.map((field) => field.name))
      for (const { bytes } of of(message)) {
        const decoded = reflect(message, fromBinary(message, bytes))
        for (const field of message.fields) if (decoded.isSet(field)) unset.delete(field.name)
      }

      assert.isAbove(of(message).length, 0)
      assert.deepStrictEqual([...unset], [])
    })
  }

  for (const values of contract.enums) {
    it(`have every value of ${values.name}`, () => {
      const seen = new Set<unknown>()
      for (const message of contract.messages) {
        for (const field of message.fields) {
          if (field.fieldKind !== "enum" || field.enum.typeName !== values.typeName) continue
          for (const { bytes } of of(message)) seen.add(reflect(message, fromBinary(message, bytes)).get(field))
        }
      }

      assert.deepStrictEqual(values.values.filter(({ number }) => !seen.has(number)).map(({ name }) => name), [])
    })
  }
})
