/** Where the nats-server is, and what a suite says when there is none. */
import { accessSync, constants, statSync } from "node:fs"
import { delimiter, join } from "node:path"

const executable = (file: string): boolean => {
  try {
    accessSync(file, constants.X_OK)
    return statSync(file).isFile()
  } catch {
    return false
  }
}

const folders = ["/usr/sbin", "/usr/local/sbin", "/usr/local/bin", "/opt/homebrew/bin"]

/**
 * Path of a nats-server: `NATS_SERVER_BIN`, else the first one on PATH or where packages put it; `undefined` when there
 * is none.
 *
 * @category getters
 * @since 0.1.0
 */
export const binary = (): string | undefined => {
  const given = process.env["NATS_SERVER_BIN"]
  if (given !== undefined && given !== "") return executable(given) ? given : undefined
  return [...(process.env["PATH"] ?? "").split(delimiter).filter((folder) => folder !== ""), ...folders]
    .map((folder) => join(folder, "nats-server"))
    .find(executable)
}

/**
 * What is wrong where `binary` finds none, and what to do.
 *
 * @category getters
 * @since 0.1.0
 */
export const missing = (): string => {
  const given = process.env["NATS_SERVER_BIN"]
  return given === undefined || given === ""
    ? "no nats-server: put one on PATH (Debian: apt-get install nats-server) or set NATS_SERVER_BIN"
    : `no nats-server: NATS_SERVER_BIN is "${given}", which is not an executable file`
}

/**
 * Why a suite that needs a nats-server is to be skipped; `undefined` when it is to be run.
 *
 * **Details**
 *
 * Under `CI=true` nothing is skipped: with no server the suite runs, and fails with the same text.
 *
 * @category testing
 * @since 0.1.0
 */
export const skipReason = (): string | undefined =>
  binary() === undefined && process.env["CI"] !== "true" ? missing() : undefined

/**
 * Name of a suite that needs a nats-server: says why where it is skipped.
 *
 * @category testing
 * @since 0.1.0
 */
export const suiteName = (name: string): string => {
  const reason = skipReason()
  return reason === undefined ? name : `${name} (skipped: ${reason})`
}
