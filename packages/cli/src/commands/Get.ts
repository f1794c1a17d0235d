/**
 * `kps get`: documents, and what happened to connectors.
 *
 * @since 0.1.0
 */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import { BadSelection } from "../CommandError.ts"
import * as Noun from "../domain/Noun.ts"
import * as TargetFlags from "../domain/TargetFlags.ts"
import * as Output from "../Output.ts"

const documents = Effect.promise(() => import("../domain/DocumentsRun.ts"))
const events = Effect.promise(() => import("../domain/EventsRun.ts"))

/** What can be got that is no document. */
const types: ReadonlyMap<string, "ALERT" | "STATUS"> = new Map([
  ["connectorinstancealerts", "ALERT"],
  ["connectorinstancealert", "ALERT"],
  ["connectorinstancestatus", "STATUS"],
  ["connectorinstancestatuses", "STATUS"]
])

const known = `${Noun.list}, connectorinstancealerts, connectorinstancestatus`

const named = (name: string, alias: string, metavar: string, description: string) =>
  Flag.String(name).pipe(
    Flag.withAlias(alias),
    Flag.withMetavar(metavar),
    Flag.withDescription(description),
    Flag.optional
  )

/**
 * @category commands
 * @since 0.1.0
 */
export const command = Command.make(
  "get",
  {
    ...TargetFlags.flags,
    output: Output.flag,
    kind: Argument.String("kind").pipe(Argument.withDescription(`What to get: ${known}`)),
    names: Argument.String("name").pipe(
      Argument.withDescription("Names or ids; without one, all of the kind"),
      Argument.variadic()
    ),
    serviceDomain: named("svcdomain", "s", "NAME", "Of alerts and statuses: on which service domain"),
    project: named("project", "p", "NAME", "Of which project"),
    instance: named("instance", "i", "NAME", "Of alerts and statuses: of which connector instance"),
    stream: named("stream", "t", "NAME", "Of alerts and statuses: of one stream alone"),
    history: Flag.Boolean("history").pipe(
      Flag.withDescription("Of alerts and statuses: all that are kept, not only how each is now"),
      Flag.withDefault(false)
    )
  },
  Effect.fn("kps get")(function*(options) {
    const { history, instance, kind, names, output, project, serviceDomain, stream, ...target } = options
    const type = types.get(kind.toLowerCase())
    if (type !== undefined) {
      if (names.length > 0) {
        return yield* new BadSelection({
          problem: `name the instance with --instance, not as ${JSON.stringify(names[0])}`
        })
      }
      const selection = { serviceDomain, project, instance, stream }
      return yield* (yield* events).print(type, { selection, history, output, target })
    }
    const given = [["--svcdomain", serviceDomain], ["--instance", instance], ["--stream", stream]] as const
    const [alien] = given.flatMap(([flag, value]) => value._tag === "Some" ? [flag] : [])
    if (alien !== undefined || history) {
      return yield* new BadSelection({ problem: `${alien ?? "--history"} is for alerts and statuses alone` })
    }
    yield* (yield* documents).get(yield* Noun.parse(kind, known), { names, project, output, target })
  })
).pipe(
  Command.withDescription("Print documents of a kind, or the alerts and statuses of a connector instance"),
  Command.withExamples([
    { command: "kps get connectorstream -o yaml", description: "All streams, as files have them" },
    {
      command: "kps get connectorinstancealerts -s svc-domain-1 -p NatsConnectorProject -i natsconnector",
      description: "What is wrong with a connector, and was lately"
    }
  ])
)
