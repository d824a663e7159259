import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'

const read = (path: string): string => readFileSync(join(import.meta.dirname, path), 'utf8')

/** `--name=`, a bare `- --name`, and the names in lists of options. */
function optionsOf(template: string): Set<string> {
  const written = [
    ...template.matchAll(/- --([a-z][a-z-]+)/g),
    ...template.matchAll(/\(list "([a-z-]+)" [^"]/g),
  ]
  return new Set(written.map(([, name]) => `--${name}`))
}

test.each([
  ['speaker', ['templates/speaker.yaml', 'templates/_helpers.tpl']],
  ['controller', ['templates/controller.yaml']],
])('the %s knows every option that the chart gives it', (command, templates) => {
  const [, definition = ''] = read('../cli/main.ts').split(`program.command('${command}')`)
  const own = definition.slice(0, definition.indexOf('.action('))
  const [, shared = ''] = read('../cli/main.ts').split('function processOptions')
  const known = own + shared.slice(0, shared.indexOf('\n}'))
  const given = optionsOf(templates.map((path) => read(`fairlead/${path}`)).join('\n'))
  expect(given.size).toBeGreaterThan(4)
  expect([...given].filter((name) => !known.includes(`'${name} `) && !known.includes(`'${name}'`))).toEqual(
    [],
  )
})
