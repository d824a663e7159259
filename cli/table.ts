/** Rows as text in columns of equal width, as kubectl prints them: upper-case headings, three spaces between. */
export function table(headings: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [headings.map((heading) => heading.toUpperCase()), ...rows]
  const widths = headings.map((_heading, column) =>
    lines.reduce((width, line) => Math.max(width, (line[column] ?? '').length), 0),
  )
  return lines
    .map((line) =>
      widths
        .map((width, column) => (line[column] ?? '').padEnd(width))
        .join('   ')
        .trimEnd(),
    )
    .join('\n')
}
