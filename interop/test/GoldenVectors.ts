import type { JsonValue } from "@bufbuild/protobuf"
import { Schema } from "effect"
import { readFileSync } from "node:fs"

/** Where the golden files are. */
export const folder = new URL("../vectors/", import.meta.url)

const Document = Schema.Struct({
  command: Schema.String,
  sdk: Schema.String,
  vectors: Schema.Array(Schema.Struct({
    name: Schema.String,
    message: Schema.String,
    hex: Schema.String,
    json: Schema.MutableJson
  }))
})

const document = Schema.decodeUnknownSync(Document)(JSON.parse(read("contract.json")))

/** The golden vectors: what the Go SDK's generated code makes of a message. */
export const vectors = document.vectors.map(({ hex, json, message, name }) => ({
  name,
  typeName: message,
  bytes: Uint8Array.from(Buffer.from(hex, "hex")),
  /** Absent where no JSON form holds the whole message. */
  json: json === null ? undefined : json satisfies JsonValue
}))

/** How the Go SDK's generated code describes the contract: a FileDescriptorProto in JSON. */
export const descriptor: JsonValue = JSON.parse(read("descriptor.json"))

/** Text of a golden file. */
export function read(name: string): string {
  return readFileSync(new URL(name, folder), "utf8")
}
