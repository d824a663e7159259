/** The results of a comparison: a row for each measure, a column for each proxy and size. */
export class Report {
  readonly #columns: string[] = []
  readonly #rows = new Map<string, Map<string, string>>()

  set(measure: string, column: string, cell: string): void {
    if (!this.#columns.includes(column)) this.#columns.push(column)
    const row = this.#rows.get(measure) ?? new Map<string, string>()
    this.#rows.set(measure, row.set(column, cell))
    console.error(`  ${column}: ${measure}: ${cell}`)
  }

  print(title: string): void {
    const lines = [
      ['', ...this.#columns],
      ...[...this.#rows].map(([measure, row]) => [
        measure,
        ...this.#columns.map((one) => row.get(one) ?? '–'),
      ]),
    ]
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
}

/** The sample below which this share lies (nearest rank). */
export function quantile(samples: readonly number[], share: number): number {
  const sorted = [...samples].sort((a, b) => a - b)
  return sorted[Math.max(0, Math.min(sorted.length - 1, Math.ceil(sorted.length * share) - 1))] ?? Number.NaN
}

/** `median (min to max)` */
export const spread = (samples: readonly number[], unit: string): string =>
  `${short(quantile(samples, 0.5))} ${unit} (${short(quantile(samples, 0))} to ${short(quantile(samples, 1))})`

/** `p50 / p99 (min to max)` */
export const percentiles = (samples: readonly number[], unit: string): string =>
  `${short(quantile(samples, 0.5))} / ${short(quantile(samples, 0.99))} ${unit} (${short(quantile(samples, 0))} to ${short(quantile(samples, 1))}, n ${samples.length})`

export function short(value: number): string {
  if (value >= 100) return value.toFixed(0)
  return value >= 10 ? value.toFixed(1) : value.toFixed(2)
}
