/**
 * Readings of sensors that do not exist, as JSON.
 */
const sensors = ["line-1", "line-2", "boiler", "chiller"] as const

/**
 * The reading with a sequence number: the same number gives the same sensor and temperature.
 */
export const reading = (sequence: number, epochMillis: number): Uint8Array => {
  const sensor = sequence % sensors.length
  const celsius = 21.4 + sensor * 7 + 3 * Math.sin(sequence / 100)
  return Buffer.from(
    JSON.stringify({
      seq: sequence,
      sensor: sensors[sensor],
      celsius: Math.round(celsius * 10) / 10,
      at: new Date(epochMillis).toISOString()
    })
  )
}
