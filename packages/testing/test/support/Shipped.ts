import { ConnectorClass } from "@kps/resources"
import type { Subject } from "@kps/testing"
import { Effect } from "effect"
import { MemoryConnector } from "./MemoryConnector.ts"

export type Shipped = NonNullable<NonNullable<Subject.Subject["Service"]["probes"]>["shipped"]>

const template = `apiVersion: v1
kind: Pod
metadata: { name: memory, labels: { app: memory } }
spec: { containers: [{ name: memory, image: memory, ports: [{ containerPort: 8000 }] }] }
---
apiVersion: v1
kind: Service
metadata: { name: memory-svc }
spec: { selector: { app: memory }, ports: [{ port: 9000, targetPort: 8000 }] }
`

/** What is shipped of a connector whose document was made from its code. */
export const made = (connector: Shipped["connector"]): Shipped => ({
  connector,
  template,
  document: Effect.runSync(
    Effect.flatMap(ConnectorClass.fromDefinition(connector, { template }), ConnectorClass.format)
  )
})

export const shipped: Shipped = made(MemoryConnector)
