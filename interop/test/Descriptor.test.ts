import { create, fromBinary, fromJson, type JsonValue, toJson } from "@bufbuild/protobuf"
import { FileDescriptorProtoSchema, FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt"
import { assert, describe, it } from "@effect/vitest"
import { file_connector_v1_connector } from "@kps/idl"
import { readFileSync } from "node:fs"
import { descriptor } from "./GoldenVectors.ts"

const baseline = fromBinary(
  FileDescriptorSetSchema,
  readFileSync(new URL("../../proto/connector-v1.baseline.binpb", import.meta.url))
)

/** Everything a file says of its contract, in one order: what comes first in a file changes nothing on the wire. */
const sorted = (value: JsonValue): JsonValue => {
  if (Array.isArray(value)) {
    return value.map(sorted).toSorted((a, b) => JSON.stringify(a) < JSON.stringify(b) ? -1 : 1)
  }
  if (value === null || typeof value !== "object") return value
  return Object.fromEntries(
    Object.entries(value).toSorted(([a], [b]) => a < b ? -1 : 1).map(([k, v]) => [k, sorted(v)])
  )
}

const originals = fromJson(FileDescriptorProtoSchema, descriptor)
const described = (file: typeof originals) =>
  sorted(toJson(FileDescriptorProtoSchema, create(FileDescriptorProtoSchema, { ...file, $unknown: [] })))

describe("the contract", () => {
  it("is the Go SDK's in the baseline: names, numbers, types, enums, methods, package", () => {
    const file = baseline.file.find(({ name }) => name === originals.name) ?? assert.fail(`no ${originals.name}`)

    assert.deepStrictEqual(described(file), described(originals))
  })

  it("is the Go SDK's in the generated code", () => {
    const { proto } = file_connector_v1_connector

    assert.deepStrictEqual(described(proto), described(originals))
  })
})
