import type { Dialogue, Step } from './dialogue.ts'
import { Normaliser } from './normaliser.ts'

/** What a server said to one step, without what no two servers have in common. */
export interface Answer {
  readonly status: number
  readonly warnings?: readonly string[]
  readonly body?: unknown
}

/** Sends one request. */
export type Ask = (request: {
  readonly method: string
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string
}) => Promise<RawAnswer>

export interface RawAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: string
}

/**
 * Holds a dialogue with one server, in a namespace of its own which the steps call `default`.
 * @returns one answer a step
 */
export async function hold(ask: Ask, { steps }: Dialogue, namespace: string): Promise<Answer[]> {
  await ask({
    method: 'POST',
    path: '/api/v1/namespaces',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ metadata: { name: namespace } }),
  })
  const normal = new Normaliser(namespace)
  const said = new Map<string, unknown>()
  const answers: Answer[] = []
  for (const step of steps) {
    const { status, headers, body } = await ask(requestOf(step, namespace, said))
    const value = parse(body)
    if (step.as !== undefined) said.set(step.as, value)
    const answer = { status, warnings: warningsOf(headers['warning']), body: normal.value(value) }
    answers.push(step.differs === undefined ? answer : { status })
  }
  return answers
}

function requestOf(step: Step, namespace: string, said: ReadonlyMap<string, unknown>): Parameters<Ask>[0] {
  const { method, path, body, type = 'application/json', accept = 'application/json' } = step
  const text = body === undefined || typeof body === 'string' ? body : JSON.stringify(body)
  return {
    method,
    path: fill(path, said).replace('/namespaces/default', `/namespaces/${namespace}`),
    headers: { accept, ...(text === undefined ? {} : { 'content-type': type }) },
    ...(text === undefined ? {} : { body: fill(text, said) }),
  }
}

/** Fills in `{STEP:path.of.a.field}` from earlier answers. */
const fill = (text: string, said: ReadonlyMap<string, unknown>): string =>
  text.replaceAll(/\{(\w+):([\w.]+)\}/g, (_all, step: string, path: string) =>
    String(
      path.split('.').reduce<unknown>((at, key) => (at as Record<string, unknown>)[key], said.get(step)),
    ),
  )

/** A document, the lines of a watch, or text. */
function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    const lines = text.split('\n').filter((line) => line !== '')
    try {
      return lines.map((line) => JSON.parse(line) as unknown)
    } catch {
      return text
    }
  }
}

const warningsOf = (header: string | string[] | undefined): string[] =>
  [header ?? []]
    .flat()
    .flatMap((one) => [...one.matchAll(/299 \S+ "((?:[^"\\]|\\.)*)"/g)].map((match) => match[1]))
