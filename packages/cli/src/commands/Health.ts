/**
 * `kps health`: whether a connector takes calls.
 *
 * @since 0.1.0
 */
import { ConnectorClient } from "@kps/client"
import { ConnectorService } from "@kps/idl"
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import { NotServing } from "../CommandError.ts"
import * as Connection from "../Connection.ts"
import * as Output from "../Output.ts"

const columns: ReadonlyArray<Output.Column<{ readonly service: string; readonly status: string }>> = [
  { header: "SERVICE", cell: ({ service }) => service === "" ? "(overall)" : service },
  { header: "STATUS", cell: ({ status }) => status }
]

/**
 * @category commands
 * @since 0.1.0
 */
export const command = Command.make(
  "health",
  { ...Connection.flags, output: Output.flag },
  Effect.fn("kps health")(function*({ endpoint, output }) {
    const client = yield* ConnectorClient.ConnectorClient
    const rows = yield* Effect.forEach(
      ["", ConnectorService.typeName],
      (service) => Effect.map(client.health(service), (status) => ({ service, status }))
    )
    yield* Output.list(output, columns, rows)
    const down = rows.find(({ status }) => status !== "SERVING")
    if (down !== undefined) return yield* new NotServing({ endpoint, status: down.status })
  })
).pipe(
  Command.withDescription("Ask a connector whether it takes calls; exit code 1 when it does not"),
  Command.provide((flags) => Connection.layer(flags))
)
