/**
 * What outside brokers are shown, by the name of a secret.
 *
 * The contract carries stream parameters in the clear, so a stream names a secret, and the operator mounts it. Under the
 * folder of the secrets, a secret is either a folder of its name, as Kubernetes mounts a Secret, or files that begin with
 * its name and a dot, which are keys of one Secret for all. The keys are `keys`, below.
 */
import type { NatsSecurity } from "@kps/transport"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import { readFile, realpath, stat } from "node:fs/promises"
import { join, sep } from "node:path"
import { CredentialsUnreadable } from "./BrokerError.ts"
import { brokerKey, BrokerUrl, CredentialsName } from "./Parameters.ts"

/** Named as in Kubernetes's own kinds of Secrets, where those have a name for it. */
const keys = ["brokers", "username", "password", "token", "nkey", "creds", "ca.crt", "tls.crt", "tls.key"] as const

type Key = typeof keys[number]

/** Kubernetes allows no larger Secret. */
const maxBytes = 1_048_576

/** What to show a broker; most of it is in files yet. */
export interface Secret {
  readonly credentials: NatsSecurity.Credentials
  readonly tls: NatsSecurity.Tls | undefined
}

export class Credentials extends Context.Service<Credentials, {
  /** Looked up anew each time, so that an operator can mend a secret while streams wait for it. */
  readonly of: (name: string, broker: string) => Effect.Effect<Secret, CredentialsUnreadable>
}>()("nats-connector/Credentials") {}

/** The secrets under a folder. Nothing outside of it is ever read, whichever name or link leads there. */
export const layer = (folder: string): Layer.Layer<Credentials> =>
  Layer.succeed(Credentials, {
    of: (name, broker) =>
      Effect.mapError(
        find(folder, name, broker),
        (problem) => new CredentialsUnreadable({ credentials: name, problem })
      )
  })

/** The secret, or the problem with it. */
const find = Effect.fnUntraced(function*(
  folder: string,
  name: string,
  broker: string
): Effect.fn.Return<Secret, string> {
  if (!isName(name)) return yield* Effect.fail("it is not the name of a secret")
  const root = yield* existing(folder)
  if (root === undefined) return yield* Effect.fail(missing)
  const own = yield* existing(join(root, name))
  // Kubernetes replaces a volume as a whole: from one look at its link on, all is of one version
  const base = (yield* existing(join(own ?? root, "..data"))) ?? own ?? root
  const files = new Map<Key, string>()
  for (const key of keys) {
    const file = yield* existing(join(base, own === undefined ? `${name}.${key}` : key))
    if (file === undefined) continue
    yield* check(key, file, root)
    files.set(key, file)
  }
  if (files.size === 0) {
    return yield* Effect.fail(own === undefined ? missing : `it has none of the keys ${keys.join(", ")}`)
  }
  const [brokers, username] = [yield* read(files.get("brokers")), yield* read(files.get("username"))]
  // what was not found may be on its way out: the version that was looked at has to be there still
  if ((yield* existing(base)) === undefined) return yield* Effect.fail("it is being replaced")
  if (brokers !== undefined) {
    const allowed = addresses(brokers)
    if (allowed === undefined) return yield* Effect.fail("\"brokers\" does not hold broker addresses")
    if (!allowed.includes(brokerKey(broker))) return yield* Effect.fail(`it is not for ${broker}`)
  }
  return secretOf(files, username?.trim())
})

const missing = "there is no secret of this name"

const secretOf = (files: ReadonlyMap<Key, string>, user: string | undefined): Secret => {
  const of = (key: Key) => {
    const file = files.get(key)
    return file === undefined ? undefined : { file }
  }
  const [ca, cert, key] = [of("ca.crt"), of("tls.crt"), of("tls.key")]
  return {
    credentials: { user, password: of("password"), token: of("token"), nkeySeed: of("nkey"), creds: of("creds") },
    tls: ca === undefined && cert === undefined && key === undefined ? undefined : { ca, cert, key }
  }
}

const isName = Schema.is(CredentialsName)
const isBroker = Schema.is(BrokerUrl)

const addresses = (text: string): ReadonlyArray<string> | undefined => {
  const list = text.split(/[\s,]+/).filter((address) => address !== "")
  return list.length > 0 && list.every(isBroker) ? list.map(brokerKey) : undefined
}

/** Where it really is, if it is. */
const existing = (path: string): Effect.Effect<string | undefined, string> =>
  Effect.tryPromise({ try: () => realpath(path), catch: code }).pipe(
    Effect.catchIf((problem) => problem === "ENOENT" || problem === "ENOTDIR", () => Effect.undefined)
  )

const check = Effect.fnUntraced(function*(key: Key, file: string, root: string): Effect.fn.Return<void, string> {
  if (!file.startsWith(root + sep)) {
    return yield* Effect.fail(`"${key}" is a link that leaves the folder of the secrets`)
  }
  const stats = yield* Effect.tryPromise({ try: () => stat(file), catch: code })
  // a pipe would be waited for
  if (!stats.isFile()) return yield* Effect.fail(`"${key}" is no file`)
  if (stats.size > maxBytes) return yield* Effect.fail(`"${key}" is over the limit of ${maxBytes} bytes`)
})

const read = (file: string | undefined): Effect.Effect<string | undefined, string> =>
  file === undefined ? Effect.undefined : Effect.tryPromise({ try: () => readFile(file, "utf8"), catch: code })

/** Of an error of Node's: its text would show the path. */
const code = (cause: unknown): string =>
  typeof cause === "object" && cause !== null && "code" in cause ? String(cause.code) : "it cannot be read"
