import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, Effect, Redacted } from "effect"
import { readFileSync } from "node:fs"
import { limits } from "../src/Http2Limits.ts"
import * as Metadata from "../src/Metadata.ts"
import * as Options from "../src/Options.ts"
import * as Payload from "../src/Payload.ts"
import { lines, wanted } from "./support/ContractDoc.ts"

const document = readFileSync(new URL("../../../docs/contract.md", import.meta.url), "utf8").replace(/ +/g, " ")
const number = (value: number) => value.toLocaleString("en-US")

describe("docs/contract.md", () => {
  it("shows exactly the errors and codes that there are", () => {
    assert.deepStrictEqual(lines(), wanted())
  })

  it("shows the limits that there are", () => {
    for (
      const row of [
        `| a request, decompressed | ${limits.messageBytes >> 20} MiB |`,
        `| calls in flight on one connection | ${limits.concurrentStreams} |`,
        `| payloads of one SetPayload | ${number(Payload.limits.payloads)} |`,
        `| a stream id | ${Payload.limits.idLength} characters |`,
        `each object and list within | ${Metadata.limits.depth} |`,
        `| keys and list items of one Struct | ${number(Metadata.limits.values)} |`,
        `| a key | ${Metadata.limits.keyLength} characters |`,
        `| keys and strings of one Struct, together | ${number(Metadata.limits.textLength)} characters |`
      ]
    ) assert.include(document, row)
  })

  it.effect("shows the environment that is read, with its defaults", () =>
    Effect.gen(function*() {
      const read = (env: Record<string, string>) => Options.config.parse(ConfigProvider.fromEnv({ env }))

      assert.deepStrictEqual(yield* read({ CONNECTOR_INSTANCE_ID: "c" }), {
        connectorId: "c",
        host: "0.0.0.0",
        port: 8000,
        errors: "inBand",
        setPayload: "perKind",
        reflection: true,
        packing: undefined,
        delivery: undefined,
        tls: undefined
      })
      assert.deepStrictEqual(
        yield* read({
          CONNECTOR_INSTANCE_ID: "c",
          KPS_LISTEN_HOST: "127.0.0.1",
          KPS_LISTEN_PORT: "0",
          KPS_ERRORS: "grpc",
          KPS_SET_PAYLOAD: "replaceAll",
          KPS_REFLECTION: "off",
          KPS_PACKING: "on",
          KPS_DELIVERY: "none"
        }),
        {
          connectorId: "c",
          host: "127.0.0.1",
          port: 0,
          errors: "grpc",
          setPayload: "replaceAll",
          reflection: false,
          packing: { all: "on", streams: {} },
          delivery: { all: { ordering: "none" }, streams: {} },
          tls: undefined
        }
      )
      const { tls } = yield* read({
        CONNECTOR_INSTANCE_ID: "c",
        KPS_TLS_CERT: "/tls/tls.crt",
        KPS_TLS_KEY: "/tls/tls.key",
        KPS_TLS_CLIENT_CA: "/tls/ca.crt"
      })
      assert.deepStrictEqual(tls, { cert: "/tls/tls.crt", key: Redacted.make("/tls/tls.key"), clientCa: "/tls/ca.crt" })
      // In the clear only where nothing of TLS was asked for.
      for (const name of ["KPS_TLS_CERT", "KPS_TLS_KEY", "KPS_TLS_CLIENT_CA"]) {
        const only = yield* Effect.flip(read({ CONNECTOR_INSTANCE_ID: "c", [name]: "/tls/file" }))
        assert.match(only.message, name === "KPS_TLS_CERT" ? /KPS_TLS_KEY/ : /KPS_TLS_CERT/)
        assert.include(document, `\`${name}\``)
      }
      for (
        const name of [
          "CONNECTOR_INSTANCE_ID",
          "KPS_ERRORS",
          "KPS_SET_PAYLOAD",
          "KPS_REFLECTION",
          "KPS_PACKING",
          "KPS_DELIVERY"
        ]
      ) {
        const wrong = { CONNECTOR_INSTANCE_ID: "c", [name]: name === "CONNECTOR_INSTANCE_ID" ? "" : "loud" }
        assert.include((yield* Effect.flip(read(wrong))).message, name)
        assert.include(document, `| \`${name}\` |`)
      }
    }))
})
