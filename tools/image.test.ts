import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { expect, test } from 'vitest'

const root = join(import.meta.dirname, '..')

/** Its instructions, those over several lines as one. */
const dockerfile = readFileSync(join(root, 'Dockerfile'), 'utf8').replaceAll('\\\n', '').split('\n')

test('the image has the command, which hands on its words and lets a process take its flags', () => {
  const place = '/usr/local/bin/fairlead'
  expect(dockerfile.at(-2)).toBe('ENTRYPOINT ["fairlead"]')
  const run = dockerfile.find((line) => line.startsWith('RUN ') && line.includes(place)) ?? ''
  const directory = mkdtempSync(join(tmpdir(), 'image-'))
  try {
    const [bin, main] = [join(directory, 'bin'), join(directory, 'main.mjs')]
    mkdirSync(bin)
    const flags = pathToFileURL(join(root, 'cli/node-flags.ts')).href
    const text = 'console.log(JSON.stringify([process.execArgv, process.argv.slice(2)]))'
    writeFileSync(main, `import { ensureFlags } from '${flags}'\nensureFlags(['--expose-gc'])\n${text}\n`)
    const command = run.slice('RUN '.length).replaceAll('/app/cli/main.js', main)
    execFileSync('sh', ['-c', command.replaceAll(place, join(bin, 'fairlead'))])
    const env = { PATH: `${dirname(process.execPath)}:/usr/bin:/bin` }
    const said = execFileSync(join(bin, 'fairlead'), ['speaker', 'two words', '$HOME'], {
      env,
      encoding: 'utf8',
    })
    expect(JSON.parse(said)).toEqual([['--expose-gc'], ['speaker', 'two words', '$HOME']])
  } finally {
    rmSync(directory, { recursive: true })
  }
})

test.each(['controller', 'speaker'])(
  'in the %s of the chart the command asks the process beside it',
  (name) => {
    const template = readFileSync(join(root, `helm/fairlead/templates/${name}.yaml`), 'utf8')
    const [, socket] = /--admin-socket=(\S+)/.exec(template) ?? []
    expect(socket).toMatch(/^\/run\/fairlead\//)
    expect(template).toMatch(new RegExp(`- name: FAIRLEAD_ADMIN\\n +value: ${socket}\\n`))
  },
)
