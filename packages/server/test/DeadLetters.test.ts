import { describe } from "@effect/vitest"
import * as NatsServer from "@kps/transport/testing/NatsServer"
import { suite } from "./conformance/DeadLettersConformance.ts"
import * as LetterPlace from "./support/LetterPlace.ts"

suite("memory", LetterPlace.memory)

describe.skipIf(NatsServer.skipReason() !== undefined)(NatsServer.suiteName("on a broker"), () => {
  suite("JetStream", LetterPlace.jetStream)
})
