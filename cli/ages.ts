const units = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1000],
] as const

/** How long ago, as kubectl prints it: `45s`, `3m`, `2h5m`, `9d`. @param ms since then */
export function age(ms: number): string {
  const index = units.findIndex(([, size]) => ms >= size)
  if (index === -1) return '0s'
  const [unit, size] = units[index]
  const whole = Math.floor(ms / size)
  const next = units[index + 1]
  const rest = next === undefined || whole >= 10 ? 0 : Math.floor((ms - whole * size) / next[1])
  return `${whole}${unit}${rest > 0 ? `${rest}${next[0]}` : ''}`
}
