/** One row of a benchmark's result: a list of samples in one unit. */
export interface Row {
  readonly name: string
  readonly unit: string
  readonly samples: readonly number[]
}

/** The sample below which this share lies (nearest rank). */
function quantile(samples: readonly number[], share: number): number {
  const sorted = [...samples].sort((a, b) => a - b)
  return sorted[Math.max(0, Math.min(sorted.length - 1, Math.ceil(sorted.length * share) - 1))] ?? Number.NaN
}

/** Prints rows with p50, p99, min, max, and the ratio of medians to the first row, which is the yardstick. */
export function printTable(title: string, rows: readonly Row[]): void {
  const yardstick = quantile(rows[0].samples, 0.5)
  const number = (value: number) => (value >= 100 ? value.toFixed(0) : value.toFixed(2))
  const cells = rows.map(({ name, unit, samples }) => [
    name,
    String(samples.length),
    ...[0.5, 0.99, 0, 1].map((share) => `${number(quantile(samples, share))} ${unit}`),
    (quantile(samples, 0.5) / yardstick).toFixed(2),
  ])
  const lines = [['', 'n', 'p50', 'p99', 'min', 'max', 'ratio'], ...cells]
  const widths = lines[0].map((_cell, column) => Math.max(...lines.map((line) => line[column].length)))
  console.log(`\n${title}`)
  for (const line of lines)
    console.log(
      line
        .map((cell, column) => cell.padEnd(widths[column]))
        .join('  ')
        .trimEnd(),
    )
}
