import * as ConnectorConformance from "@kps/testing/ConnectorConformance"
import * as MemorySubject from "./support/MemorySubject.ts"

ConnectorConformance.suite("memory connector", MemorySubject.layer({ socket: true }))
