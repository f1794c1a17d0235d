/**
 * The folder of a service domain of this machine.
 *
 * @since 0.1.0
 */
import { FileLock, PrivateFile } from "@kps/service-domain"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Path from "effect/Path"
import { randomBytes } from "node:crypto"
import { UnusableFolder } from "../CommandError.ts"

/** The token is made once, so that a context outlives the process. */
const tokenOf = Effect.fnUntraced(function*(file: string) {
  const kept = Option.getOrElse(yield* PrivateFile.read(file), () => "").trim()
  const token = kept.length >= 16 ? kept : yield* Effect.sync(() => randomBytes(32).toString("hex"))
  // also one that is kept: a folder that takes no files is found out now
  yield* PrivateFile.write(file, `${token}\n`)
  return token
})

/**
 * Makes the folder where it is not there, has it alone until the scope is closed, and gives the token of who may do
 * everything. Fails where it is no folder, takes no files, or another process has it.
 *
 * @category opening
 * @since 0.1.0
 */
export const open = Effect.fnUntraced(function*(folder: string) {
  const path = yield* Path.Path
  return yield* Effect.gen(function*() {
    yield* PrivateFile.makeFolder(folder)
    yield* FileLock.take(path.join(folder, "lock"))
    return { token: yield* tokenOf(path.join(folder, "token")) }
  }).pipe(
    Effect.mapError((error) =>
      new UnusableFolder({
        folder,
        problem: error._tag === "Locked" ? `another service domain has it, process ${error.pid}` : error.problem
      })
    )
  )
})
