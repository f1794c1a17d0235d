/**
 * `kps config create-context` and its like: which service domains there are to talk to.
 *
 * @since 0.1.0
 */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Prompt from "effect/cli/Prompt"
import * as Config from "effect/Config"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Contexts from "../domain/Contexts.ts"
import * as Output from "../Output.ts"

const name = Argument.String("name").pipe(Argument.withDescription("Name of the context"))

const create = Command.make(
  "create-context",
  {
    name,
    url: Flag.String("url").pipe(
      Flag.withAlias("u"),
      Flag.withMetavar("URL"),
      Flag.withDescription("The REST API of the service domain"),
      Flag.withDefault("http://127.0.0.1:8080")
    ),
    email: Flag.String("email").pipe(Flag.withAlias("m"), Flag.withDescription("Who to log in as")),
    password: Flag.Redacted("password").pipe(
      Flag.withAlias("p"),
      Flag.withDescription("It is used once and not kept; better given by KPS_PASSWORD, or when it is asked for"),
      Flag.withFallbackConfig(Config.Redacted("KPS_PASSWORD")),
      Flag.withFallbackPrompt(Prompt.Password({ message: "Password" }))
    )
  },
  Effect.fn("kps config create-context")(function*(options) {
    const { createContext } = yield* Effect.promise(() => import("../domain/Login.ts"))
    yield* createContext(options)
    yield* Console.log(`Successfully created context ${JSON.stringify(options.name)}, which is the current one now`)
  })
).pipe(Command.withDescription("Log in to a service domain, and keep the token in a file that only you can read"))

const use = Command.make(
  "use-context",
  { name },
  Effect.fn("kps config use-context")(function*({ name }) {
    yield* Contexts.use(name)
    yield* Console.log(`${JSON.stringify(name)} is the current context now`)
  })
).pipe(Command.withDescription("Say which context commands use"))

const remove = Command.make(
  "delete-context",
  { name },
  Effect.fn("kps config delete-context")(function*({ name }) {
    yield* Contexts.remove(name)
    yield* Console.log(`Successfully deleted context ${JSON.stringify(name)}`)
  })
).pipe(Command.withDescription("Forget a context and its token"))

interface Row {
  readonly name: string
  readonly current: boolean
  readonly url: string
  readonly email: string
}

const list = Command.make(
  "get-contexts",
  { output: Output.flag },
  Effect.fn("kps config get-contexts")(function*({ output }) {
    const { contexts, current } = yield* Contexts.read
    // never the token
    const rows = Object.entries(contexts).map(([name, { email = "", url }]): Row => ({
      name,
      current: name === current,
      url,
      email
    }))
    yield* Output.list(output, [
      { header: "CURRENT", cell: ({ current }) => current ? "*" : "" },
      { header: "NAME", cell: ({ name }) => name },
      { header: "URL", cell: ({ url }) => url },
      { header: "EMAIL", cell: ({ email }) => email }
    ], rows)
  })
).pipe(Command.withDescription("Print the contexts, without their tokens"))

/**
 * @category commands
 * @since 0.1.0
 */
export const commands = [create, use, list, remove] as const
