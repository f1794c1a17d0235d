import { assert, describe, it } from "@effect/vitest"
import { Redacted, Result } from "effect"
import * as Settings from "../src/Settings.ts"

const run = (args: ReadonlyArray<string>, env: Record<string, string> = {}): Settings.Settings => {
  const command = Result.getOrThrow(Settings.parse(args, env))
  assert(command._tag === "Run")
  return command.settings
}

const problem = (args: ReadonlyArray<string>, env: Record<string, string> = {}): string => {
  const command = Settings.parse(args, { CONNECTOR_INSTANCE_ID: "c-1", ...env })
  assert(Result.isFailure(command))
  return command.failure.message
}

describe("Settings", () => {
  it("takes where state is kept from the environment, and refuses what makes no sense", () => {
    const state = (env: Record<string, string>) => run([], { CONNECTOR_INSTANCE_ID: "c-1", ...env }).state
    const refused = (env: Record<string, string>) => problem([], { CONNECTOR_INSTANCE_ID: "c-1", ...env })

    assert.deepStrictEqual(
      state({
        KPS_STATE: "jetstream",
        KPS_STATE_REPLICAS: "3",
        KPS_STATE_PREFIX: "eu-1",
        KPS_LEASE_TTL: "30",
        KPS_DLQ_MAX_AGE: "24",
        KPS_DLQ_MAX_BYTES: "2097152"
      }),
      {
        state: "jetstream",
        replicas: 3,
        prefix: "eu-1",
        timeToLive: "30 seconds",
        deadLetters: { maxAge: "24 hours", maxBytes: 2_097_152 }
      }
    )
    assert.strictEqual(refused({ KPS_STATE: "redis" }), "KPS_STATE is \"redis\": want \"memory\" or \"jetstream\"")
    assert.strictEqual(
      refused({ KPS_STATE_REPLICAS: "2" }),
      "KPS_STATE_REPLICAS is \"2\": want \"1\" or \"3\" or \"5\""
    )
    assert.include(refused({ KPS_STATE_PREFIX: "a.b" }), "KPS_STATE_PREFIX is \"a.b\"")
    for (const ttl of ["0", "601", "1.5", "10s"]) {
      assert.strictEqual(
        refused({ KPS_LEASE_TTL: ttl }),
        `KPS_LEASE_TTL is "${ttl}": want a number of seconds from 1 to 600`
      )
    }
  })

  it("has the defaults of the original", () => {
    assert.deepStrictEqual(run([], { CONNECTOR_INSTANCE_ID: "c-1" }), {
      connectorId: "c-1",
      host: "0.0.0.0",
      port: 8000,
      tls: undefined,
      errors: "inBand",
      setPayload: "perKind",
      secretsFolder: "/var/run/secrets/kps",
      metrics: undefined,
      pushGateway: undefined,
      telemetry: false,
      reflection: true,
      state: {
        state: "memory",
        replicas: 1,
        prefix: "kps",
        timeToLive: "10 seconds",
        deadLetters: { maxAge: "168 hours", maxBytes: 268_435_456 }
      },
      packing: { all: "off", streams: {} },
      delivery: { all: { ordering: "strict" }, streams: {} }
    })
  })

  it("takes flags with one dash or two, apart from their value or not", () => {
    for (
      const args of [
        ["--connectorInstanceID", "c-2", "--port", "0"],
        ["-connectorInstanceID", "c-2", "-port", "0"],
        ["--connectorInstanceID=c-2", "--port=0"],
        ["-connectorInstanceID=c-2", "-port=0"]
      ]
    ) {
      const { connectorId, port } = run(args)
      assert.deepStrictEqual({ connectorId, port }, { connectorId: "c-2", port: 0 })
    }
  })

  it("prefers the flag to the environment", () => {
    assert.strictEqual(run(["--connectorInstanceID", "flag"], { CONNECTOR_INSTANCE_ID: "env" }).connectorId, "flag")
  })

  it("reads the rest of the environment", () => {
    const settings = run(["--host", "127.0.0.1"], {
      CONNECTOR_INSTANCE_ID: "c-1",
      KPS_LISTEN_HOST: "127.0.0.2",
      KPS_LISTEN_PORT: "9000",
      KPS_ERRORS: "grpc",
      KPS_SET_PAYLOAD: "replaceAll",
      KPS_SECRETS_DIR: "/run/secrets",
      KPS_METRICS_PORT: "9100",
      KPS_REFLECTION: "off",
      KPS_PACKING: "on;line-1:maxPayloads=8",
      KPS_DELIVERY: "none;line-1:strict",
      OTEL_EXPORTER_OTLP_ENDPOINT: "http://collector:4318",
      PUSH_GW: "push:9091"
    })

    assert.deepStrictEqual(settings, {
      connectorId: "c-1",
      host: "127.0.0.1",
      port: 9000,
      tls: undefined,
      errors: "grpc",
      setPayload: "replaceAll",
      secretsFolder: "/run/secrets",
      metrics: { host: "127.0.0.1", port: 9100 },
      pushGateway: "push:9091",
      telemetry: true,
      reflection: false,
      state: {
        state: "memory",
        replicas: 1,
        prefix: "kps",
        timeToLive: "10 seconds",
        deadLetters: { maxAge: "168 hours", maxBytes: 268_435_456 }
      },
      packing: { all: "on", streams: { "line-1": { maxPayloads: 8 } } },
      delivery: { all: { ordering: "none" }, streams: { "line-1": { ordering: "strict" } } }
    })
  })

  it("serves metrics where it is told, by default on the address of the contract", () => {
    const env = { CONNECTOR_INSTANCE_ID: "c-1", KPS_METRICS_PORT: "9100" }
    assert.deepStrictEqual(run(["--metrics-port", "0"], env).metrics, { host: "0.0.0.0", port: 0 })
    assert.deepStrictEqual(run(["--host", "10.0.0.1"], env).metrics, { host: "10.0.0.1", port: 9100 })
    assert.deepStrictEqual(run(["--metrics-host", "127.0.0.1", "-metrics-port=1"], env).metrics, {
      host: "127.0.0.1",
      port: 1
    })
    assert.isUndefined(run(["--metrics-host", "127.0.0.1"], { CONNECTOR_INSTANCE_ID: "c-1" }).metrics)
  })

  it("exports over OTLP when the environment has an endpoint and does not disable it", () => {
    const telemetry = (env: Record<string, string>) => run([], { CONNECTOR_INSTANCE_ID: "c-1", ...env }).telemetry
    for (const one of ["", "TRACES_", "METRICS_", "LOGS_"]) {
      const endpoint = { [`OTEL_EXPORTER_OTLP_${one}ENDPOINT`]: "http://h" }
      assert.isTrue(telemetry(endpoint))
      assert.isTrue(telemetry({ ...endpoint, OTEL_SDK_DISABLED: "false" }))
      assert.isFalse(telemetry({ ...endpoint, OTEL_SDK_DISABLED: "True" }))
    }
    assert.isFalse(telemetry({ OTEL_SERVICE_NAME: "x", OTEL_EXPORTER_OTLP_ENDPOINT: "" }))
  })

  it("serves with TLS by flags or variables, and not in the clear where half of it was given", () => {
    const env = {
      CONNECTOR_INSTANCE_ID: "c-1",
      KPS_TLS_CERT: "/tls/a.crt",
      KPS_TLS_KEY: "/tls/a.key",
      KPS_TLS_CLIENT_CA: "/tls/ca.crt"
    }
    const tls = { cert: "/tls/a.crt", key: Redacted.make("/tls/a.key"), clientCa: "/tls/ca.crt" }
    assert.deepStrictEqual(run([], env).tls, tls)
    assert.deepStrictEqual(run(["--tls-cert", "b.crt", "--tls-key", "b.key", "--tls-client-ca", "b"], env).tls, {
      cert: "b.crt",
      key: Redacted.make("b.key"),
      clientCa: "b"
    })
    assert.strictEqual(problem([], { KPS_TLS_CERT: "a" }), "TLS needs a key: set KPS_TLS_KEY or give --tls-key")
    for (const name of ["KPS_TLS_KEY", "KPS_TLS_CLIENT_CA"]) {
      assert.strictEqual(
        problem([], { [name]: "a" }),
        "TLS needs a certificate: set KPS_TLS_CERT or give --tls-cert"
      )
    }
  })

  it("names both ways to give the id when there is none, or an empty one", () => {
    for (const env of [{}, { CONNECTOR_INSTANCE_ID: "" }]) {
      const command = Settings.parse([], env)
      assert(Result.isFailure(command))
      assert.strictEqual(
        command.failure.message,
        "no connector instance id: set CONNECTOR_INSTANCE_ID or give --connectorInstanceID"
      )
    }
  })

  it("names the flag or variable, and the value, that it refuses", () => {
    assert.strictEqual(problem(["--port", "80000"]), "flag --port is \"80000\": want a number from 0 to 65535")
    assert.strictEqual(
      problem([], { CONNECTOR_INSTANCE_ID: "c-1", KPS_LISTEN_PORT: "x" }),
      "KPS_LISTEN_PORT is \"x\": want a number from 0 to 65535"
    )
    assert.strictEqual(
      problem([], { CONNECTOR_INSTANCE_ID: "c-1", KPS_LISTEN_HOST: "a/b" }),
      "KPS_LISTEN_HOST is \"a/b\": want an address or a host name"
    )
    assert.strictEqual(problem(["--port", "http"]), "flag --port is \"http\": want a number from 0 to 65535")
    assert.strictEqual(problem(["--port"]), "flag --port needs a value")
    assert.strictEqual(problem(["--port="]), "flag --port needs a value")
    assert.strictEqual(problem(["--port", "--host", "h"]), "flag --port needs a value")
    assert.strictEqual(problem(["--host", "http://h"]), "flag --host is \"http://h\": want an address or a host name")
    assert.strictEqual(problem(["--metrics-port", "x"]), "flag --metrics-port is \"x\": want a number from 0 to 65535")
    assert.strictEqual(
      problem([], { KPS_METRICS_PORT: "70000" }),
      "KPS_METRICS_PORT is \"70000\": want a number from 0 to 65535"
    )
    assert.strictEqual(
      problem(["--metrics-host", "a/b"]),
      "flag --metrics-host is \"a/b\": want an address or a host name"
    )
    assert.strictEqual(
      problem([], { KPS_DLQ_MAX_BYTES: "1000" }),
      "KPS_DLQ_MAX_BYTES is \"1000\": want a number from 1048576 to 1099511627776"
    )
    assert.include(problem([], { KPS_DELIVERY: "loose" }), "KPS_DELIVERY: \"loose\" is no choice: want")
    assert.strictEqual(
      problem([], { KPS_PACKING: "line-1:maxBytes=0" }),
      "KPS_PACKING: maxBytes is 0, want a whole number from 1 to 1048576"
    )
    assert.strictEqual(problem([], { KPS_REFLECTION: "yes" }), "KPS_REFLECTION is \"yes\": want \"on\" or \"off\"")
    assert.strictEqual(problem(["--prot", "1"]), "unknown flag \"--prot\"")
    assert.strictEqual(problem(["--toString"]), "unknown flag \"--toString\"")
    assert.strictEqual(problem(["serve"]), "unexpected argument \"serve\"")
    assert.strictEqual(problem(["--help=no"]), "flag --help takes no value")
    assert.strictEqual(
      problem([], { KPS_ERRORS: "inband" }),
      "KPS_ERRORS is \"inband\": want \"inBand\" or \"grpc\""
    )
    assert.strictEqual(
      problem([], { KPS_SET_PAYLOAD: "all" }),
      "KPS_SET_PAYLOAD is \"all\": want \"perKind\" or \"replaceAll\""
    )
  })

  it("wants an absolute path for the secrets", () => {
    assert.strictEqual(
      problem([], { KPS_SECRETS_DIR: "secrets" }),
      "KPS_SECRETS_DIR is \"secrets\": want an absolute path"
    )
  })

  it("cuts what it echoes", () => {
    assert.isBelow(problem([], { KPS_ERRORS: "x".repeat(10_000) }).length, 300)
  })

  it("gives help and version without an id", () => {
    for (const flag of ["--help", "-help", "-h"]) {
      assert.deepStrictEqual(Settings.parse([flag], {}), Result.succeed({ _tag: "Help" as const }))
    }
    assert.deepStrictEqual(Settings.parse(["--version"], {}), Result.succeed({ _tag: "Version" as const }))
  })

  it("has help for every flag and variable that it reads", () => {
    for (
      const name of [
        "--connectorInstanceID",
        "--host",
        "--port",
        "--tls-cert",
        "--tls-key",
        "--tls-client-ca",
        "--help",
        "--version",
        "CONNECTOR_INSTANCE_ID",
        "NATS_BROKER",
        "NATS_NAME",
        "NATS_TOKEN",
        "NATS_USER",
        "NATS_PASSWORD",
        "NATS_TOKEN_FILE",
        "NATS_PASSWORD_FILE",
        "NATS_NKEY_SEED_FILE",
        "NATS_CREDS_FILE",
        "NATS_TLS_CA",
        "NATS_TLS_CERT",
        "NATS_TLS_KEY",
        "KPS_SECRETS_DIR",
        "KPS_TLS_CERT",
        "KPS_TLS_KEY",
        "KPS_TLS_CLIENT_CA",
        "KPS_ERRORS",
        "KPS_SET_PAYLOAD",
        "KPS_REFLECTION",
        "KPS_PACKING",
        "KPS_DELIVERY",
        "KPS_DLQ_MAX_AGE",
        "KPS_DLQ_MAX_BYTES",
        "--metrics-port",
        "--metrics-host",
        "KPS_METRICS_PORT",
        "PUSH_GW",
        "OTEL_EXPORTER_OTLP_ENDPOINT"
      ]
    ) assert.include(Settings.help, name)
  })
})
