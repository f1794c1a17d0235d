import * as NatsServer from "@kps/transport/testing/NatsServer"
import { describe } from "vitest"
import { suite } from "./conformance/DocumentsConformance.ts"
import { jetStream, memory } from "./support/Place.ts"

suite("memory", memory)

describe.skipIf(NatsServer.skipReason() !== undefined)(NatsServer.suiteName("on JetStream"), () => {
  suite("JetStream", jetStream)
})
