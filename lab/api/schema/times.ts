/** metav1.Time and metav1.MicroTime as Go reads and writes them. */

const LAYOUTS = {
  Time: {
    text: '2006-01-02T15:04:05Z07:00',
    pattern: /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d+)?(Z|[+-]\d\d:\d\d)$/,
    digits: 0,
  },
  MicroTime: {
    text: '2006-01-02T15:04:05.000000Z07:00',
    pattern: /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d{6})(Z|[+-]\d\d:\d\d)$/,
    digits: 6,
  },
} as const

/** The kind of time that a definition stands for, undefined for any other. */
export function timeKind(definition: string | undefined): keyof typeof LAYOUTS | undefined {
  const name = definition?.split('.').at(-1)
  return name === 'Time' || name === 'MicroTime' ? name : undefined
}

/** A time in UTC with the digits that its kind has; undefined for what is none. */
export function readTime(text: string, kind: keyof typeof LAYOUTS): string | undefined {
  const { pattern, digits } = LAYOUTS[kind]
  const found = pattern.exec(text)
  const milliseconds = found === null ? Number.NaN : Date.parse(`${found[1]}${found[3]}`)
  if (found === null || Number.isNaN(milliseconds)) return undefined
  const seconds = new Date(milliseconds).toISOString().slice(0, 19)
  return `${seconds}${digits === 0 ? '' : found[2]}Z`
}

/** Why a text is no time, in the words of Go's time.Parse as far as they can be had without it. */
export function timeProblem(text: string, kind: keyof typeof LAYOUTS): string {
  const layout = LAYOUTS[kind].text
  const begun = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d/.exec(text)?.[0] ?? ''
  const rest = JSON.stringify(text.slice(begun.length))
  const wanted = begun === '' ? '2006' : kind === 'MicroTime' ? '.000000' : 'Z07:00'
  return `parsing time ${JSON.stringify(text)} as ${JSON.stringify(layout)}: cannot parse ${rest} as ${JSON.stringify(wanted)}`
}
