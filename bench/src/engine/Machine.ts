/** What a run was made on and with. */
import { binary } from "@kps/transport/testing/NatsServer"
import { spawnSync } from "node:child_process"
import { readFileSync } from "node:fs"
import { cpus, totalmem } from "node:os"
import { fileURLToPath } from "node:url"

/** The first match in what a command says; undefined where it cannot be run. */
const said = (command: string, args: ReadonlyArray<string>, pattern: RegExp): string | undefined => {
  const { status, stdout } = spawnSync(command, args, { encoding: "utf8" })
  return status === 0 ? pattern.exec(stdout)?.[1] : undefined
}

/** The version of a module in a go.mod beside the bundle. */
const pinned = (file: string, module: string): string | undefined =>
  new RegExp(`${module} (v\\S+)`).exec(readFileSync(fileURLToPath(new URL(file, import.meta.url)), "utf8"))?.[1]

/** One line each, without an end: the machine, then the versions. */
export const describe = (): ReadonlyArray<string> => {
  const processors = cpus()
  const server = binary()
  const versions = [
    ["Node", process.version],
    ["nats-server", server === undefined ? undefined : said(server, ["--version"], /v(\d\S*)/)],
    ["Go", said("go", ["env", "GOVERSION"], /go(\S+)/)],
    ["Go SDK", pinned("../go/sdk/go.mod", "github.com/nutanix/kps-connector-go-sdk")],
    ["its nats.go", pinned("../go/sdk/go.mod", "github.com/nats-io/nats.go")],
    ["nats.go", pinned("../go/go.mod", "github.com/nats-io/nats.go")],
    ["grpc-go", pinned("../go/go.mod", "google.golang.org/grpc")],
    ["commit", said("git", ["rev-parse", "--short", "HEAD"], /(\S+)/)]
  ] as const
  return [
    `${processors.length} x ${processors[0]?.model ?? "unknown processor"}, ${
      Math.round(totalmem() / 2 ** 30)
    } GiB, ${process.platform} ${process.arch}`,
    versions.flatMap(([name, version]) => version === undefined ? [] : [`${name} ${version}`]).join(", ")
  ]
}
