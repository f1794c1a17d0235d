import { describe } from "@effect/vitest"
import * as NatsServer from "@kps/transport/testing/NatsServer"
import { suite } from "./conformance/PositionsConformance.ts"
import * as Place from "./support/Place.ts"

suite("memory", Place.memory)

describe.skipIf(NatsServer.skipReason() !== undefined)(NatsServer.suiteName("on a broker"), () => {
  suite("JetStream", Place.jetStream)
})
