/** One run of a nats-server, as promises: the edge to Node's processes and timers. */
import { spawn } from "node:child_process"
import { readFile, rm } from "node:fs/promises"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import * as Watchdog from "../testing/Watchdog.ts"

export interface Running {
  readonly pid: number
  readonly port: number
  readonly monitorPort: number
  readonly exited: Promise<void>
  readonly kill: (signal: NodeJS.Signals) => Promise<void>
  readonly log: () => string
}

const startMillis = 10_000
const killMillis = 10_000
const maxLog = 16_384

/** Signals that leave it running. */
const harmless: ReadonlySet<NodeJS.Signals> = new Set(["SIGSTOP", "SIGCONT", "SIGHUP", "SIGUSR1"])

const portOf = (urls: ReadonlyArray<string> | undefined): number => Number(new URL(urls?.[0] ?? "").port)

export const launch = async (file: string, folder: string, args: ReadonlyArray<string>): Promise<Running> => {
  const child = spawn(file, args, { stdio: ["ignore", "ignore", "pipe"] })
  let log = ""
  let ended = false
  child.stderr.setEncoding("utf8")
  child.stderr.on("data", (text: string) => {
    log = (log + text).slice(-maxLog)
  })
  Watchdog.watch(child)
  const exited = new Promise<void>((resolve) => {
    const done = () => {
      ended = true
      resolve()
    }
    child.once("close", done)
    child.once("error", (error) => {
      log += error.message
      done()
    })
  })
  const kill = async (signal: NodeJS.Signals): Promise<void> => {
    if (ended) return
    child.kill(signal)
    if (harmless.has(signal)) return
    const late = new AbortController()
    const timeout = sleep(killMillis, "late", { signal: late.signal, ref: false }).catch(() => "aborted")
    const outcome = await Promise.race([exited, timeout])
    late.abort()
    if (outcome === "late") throw new Error(`process ${child.pid} did not end within ${killMillis} ms of ${signal}`)
  }

  const portsFile = join(folder, `nats-server_${child.pid}.ports`)
  const deadline = Date.now() + startMillis
  const ready = async (): Promise<Ports> => {
    const text = await readFile(portsFile, "utf8").catch(() => "")
    if (text.endsWith("}")) return JSON.parse(text) as Ports // nats-server's own format
    if (ended || Date.now() > deadline) {
      const problem = ended ? "it ended at once" : `it took no connections within ${startMillis} ms`
      await kill("SIGKILL")
      throw new Error(`${problem}: ${log.slice(-2000).trim()}`)
    }
    await sleep(10)
    return ready()
  }
  const ports = await ready()
  await rm(portsFile, { force: true })
  return {
    pid: child.pid!,
    port: portOf(ports.nats),
    monitorPort: portOf(ports.monitoring),
    exited,
    kill,
    log: () => log
  }
}

interface Ports {
  readonly nats?: ReadonlyArray<string>
  readonly monitoring?: ReadonlyArray<string>
}
