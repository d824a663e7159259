import { isObject } from '../json.ts'

type Step =
  | { readonly field: string }
  | { readonly index: number }
  | { readonly all: true }
  | { readonly filter: { readonly path: readonly Step[]; readonly equals: unknown } }

const TOKEN =
  /\.([A-Za-z0-9_\-/$]+|\\.)+|\.\*|\[(?:(-?\d+)|'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)"|(\*)|\?\(@((?:\.[A-Za-z0-9_-]+)+)\s*==\s*("[^"]*"|'[^']*'|[^)]*)\))\]/y

/**
 * Compiles the part of kubectl's JSONPath that printer columns and scale paths use: fields (also quoted, with
 * escaped dots), indexes, `[*]` and filters `[?(@.type=="Ready")]`.
 * @returns undefined when the text is something else
 */
export function parseJsonPath(text: string): ((value: unknown) => unknown[]) | undefined {
  const steps = parseSteps(text.replace(/^\{(.*)\}$/, '$1').replace(/^\$/, ''))
  return (
    steps &&
    ((value) => steps.reduce<unknown[]>((found, step) => found.flatMap((one) => take(one, step)), [value]))
  )
}

function parseSteps(text: string): Step[] | undefined {
  const steps: Step[] = []
  let at = 0
  while (at < text.length) {
    TOKEN.lastIndex = at
    const found = TOKEN.exec(text)
    if (found === null) return undefined
    at = TOKEN.lastIndex
    const [token, , index, single, double, all, path, value] = found
    if (token === '.*' || all !== undefined) steps.push({ all: true })
    else if (index !== undefined) steps.push({ index: Number(index) })
    else if (path !== undefined) {
      const equals = /^['"]/.test(value!) ? value!.slice(1, -1) : JSON.parse(value!.trim())
      steps.push({ filter: { path: parseSteps(path) ?? [], equals } })
    } else steps.push({ field: single ?? double ?? token.slice(1).replaceAll('\\.', '.') })
  }
  return steps
}

function take(value: unknown, step: Step): unknown[] {
  if ('field' in step) {
    const field = isObject(value) ? value[step.field] : undefined
    return field === undefined ? [] : [field]
  }
  if ('all' in step) {
    if (Array.isArray(value)) return value
    return isObject(value) ? Object.values(value) : []
  }
  if (!Array.isArray(value)) return []
  if ('index' in step) {
    const item = value.at(step.index)
    return item === undefined ? [] : [item]
  }
  const { path, equals } = step.filter
  return value.filter((item) =>
    path
      .reduce<unknown[]>((found, inner) => found.flatMap((one) => take(one, inner)), [item])
      .includes(equals),
  )
}
