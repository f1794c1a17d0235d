/**
 * What the contract says a connector is after each command: the reference of docs/contract.md.
 *
 * @since 0.1.0
 */
import type { JsonObject } from "@bufbuild/protobuf"
import type { Command, Slot } from "./Command.ts"

/**
 * @category models
 * @since 0.1.0
 */
export interface State {
  /** The streams asked for, in their order. */
  readonly streams: ReadonlyArray<Slot>
  /** The config in force, with defaults. */
  readonly config: JsonObject
  /** The outside cannot be reached, for any stream. */
  readonly broken: boolean
}

/**
 * How a SetPayload has to be answered.
 *
 * @category models
 * @since 0.1.0
 */
export type Answer = "OK" | "INVALID_ARGUMENT" | "the failure of a stream"

/**
 * @category models
 * @since 0.1.0
 */
export interface Configs {
  /** What a key is that no config has. */
  readonly defaults: JsonObject
  readonly valid: ReadonlyArray<JsonObject>
}

/** Merged key by key at the top level; unset, a key is its default again, or gone. */
const merged = (config: JsonObject, { defaults, valid }: Configs, number: number): JsonObject => {
  if (number >= 0) return { ...config, ...valid[number] }
  const unset = Object.keys(valid[-1 - number] ?? {})
  const kept = Object.entries(config).filter(([key]) => !unset.includes(key))
  const given = unset.flatMap((key) => defaults[key] === undefined ? [] : [[key, defaults[key]] as const])
  return Object.fromEntries([...kept, ...given])
}

/**
 * The request for a config by its number.
 *
 * @category converting
 * @since 0.1.0
 */
export const request = ({ valid }: Configs, number: number): JsonObject =>
  number >= 0
    ? valid[number] ?? {}
    : Object.fromEntries(Object.keys(valid[-1 - number] ?? {}).map((key) => [key, null]))

/**
 * Whether a stream runs.
 *
 * @category getters
 * @since 0.1.0
 */
export const runs = ({ broken }: State, { reachable }: Slot): boolean => reachable && !broken

/**
 * What a command makes of a state, and how it has to be answered.
 *
 * @category stepping
 * @since 0.1.0
 */
export const step = (
  state: State,
  command: Command,
  configs: Configs
): { readonly state: State; readonly answer?: Answer } => {
  switch (command._tag) {
    case "SetStreams": {
      const next: State = {
        ...state,
        streams: command.streams,
        config: command.config === undefined ? state.config : merged(state.config, configs, command.config)
      }
      return { state: next, answer: next.streams.every((slot) => runs(next, slot)) ? "OK" : "the failure of a stream" }
    }
    case "SetConfig":
      return { state: { ...state, config: merged(state.config, configs, command.config) }, answer: "OK" }
    case "SetNothing":
      return { state: { ...state, streams: [] }, answer: "OK" }
    case "SetWrong":
      return { state, answer: "INVALID_ARGUMENT" }
    case "Break":
      return { state: { ...state, broken: true } }
    case "Mend":
      return { state: { ...state, broken: false } }
    default:
      return { state }
  }
}
