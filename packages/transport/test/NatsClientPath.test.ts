/**
 * What the other files test of NATS, once more without the fast data path; but for what has nothing to do with it:
 * credentials, the environment, what is left behind.
 */
import { vi } from "vitest"

vi.stubEnv("KPS_NATS_FAST_PATH", "off")

await import("./NatsTransport.test.ts")
await import("./NatsReconnect.test.ts")
await import("./NatsCounts.test.ts")
await import("./NatsSlow.test.ts")
await import("./NatsTls.test.ts")
