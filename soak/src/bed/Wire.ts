/** The wire to a broker, which somebody listens to. */
import * as Proxy from "@kps/transport/testing/Proxy"
import { Effect, type Scope } from "effect"

/** Both ways: on a network something is always under way, and not only on a lucky moment. */
export const usual = "4 millis"

/** A proxy in the scope; `heard` is told each message of the broker, also those that are then dropped. */
export const make = Effect.fnUntraced(function*(
  port: number,
  heard: (body: string) => void
): Effect.fn.Return<Proxy.Proxy, Proxy.ProxyError, Scope.Scope> {
  const proxy = yield* Proxy.make(`127.0.0.1:${port}`, { frames: true })
  yield* proxy.delay(usual)
  const drop: Proxy.Proxy["drop"] = (drops) =>
    proxy.drop((subject, body) => {
      heard(body)
      return drops?.(subject, body) === true
    })
  yield* drop(undefined)
  return { ...proxy, drop }
})
