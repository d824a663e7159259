import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { format, resolveConfig } from 'prettier'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { cleanup } from '../netns.ts'
import { attributeCells } from './cells/attributes.ts'
import { lifecycleCells } from './cells/lifecycle.ts'
import { beginSlowSession, sessionCells } from './cells/sessions.ts'
import { features, type Feature } from './features.ts'
import { formatMatrix, sameVersions } from './matrix.ts'
import { neighbors } from './neighbors.ts'
import { bird } from './peers/bird.ts'
import { exabgp } from './peers/exabgp.ts'
import { frr } from './peers/frr.ts'
import { gobgp } from './peers/gobgp.ts'
import { Speaker } from './speaker.ts'
import { Stage } from './stage.ts'
import { buildTopology } from './topology.ts'

/**
 * The speaker with real routers: a test a router and feature, in the words of `features.ts`. What comes out is
 * `docs/interop.md`, which the last test compares; UPDATE_INTEROP=1 writes it.
 */
const kinds = [bird, frr, gobgp, exabgp]
const cells: Readonly<Record<Feature, (stage: Stage) => Promise<void>>> = {
  ...sessionCells,
  ...attributeCells,
  ...lifecycleCells,
}
const ids = Object.keys(features) as Feature[]
const columns = kinds.map(({ name, without, version }) => ({
  name,
  version: version(),
  without,
  outcomes: new Map<Feature, string>(),
}))

/**
 * A router is left out, and the page not judged, where it cannot run: without its packages (tools/setup.sh installs
 * them where it may), or without root.
 */
const present = kinds
  .map((kind, index) => ({ name: kind.name, kind, column: columns[index] }))
  .filter(({ kind, column }) => column.version !== '' && (kind.unable?.() ?? '') === '')

describe.each(present)('$name', ({ kind, column }) => {
  let stage: Stage
  let folder: string

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'fairlead-interop-'))
    const topology = await buildTopology(kind.name.toLowerCase())
    const config = kind.config(Object.values(neighbors))
    const router = await kind.start({ ns: topology.router, folder }, config)
    stage = new Stage(kind, router, topology, await Speaker.start(topology.node))
    beginSlowSession(stage)
  }, 60_000)

  afterAll(async () => {
    await cleanup()
    rmSync(folder, { recursive: true, force: true })
  })

  afterEach(({ task }) => (task.result?.state === 'fail' ? stage.reset() : stage.clear()), 60_000)

  const offered = ids.filter((id) => kind.without[id] === undefined)
  test.each(offered.map((id) => ({ id, feature: features[id] })))(
    '$feature',
    async ({ id }) => {
      try {
        await cells[id](stage)
        column.outcomes.set(id, '')
      } catch (error) {
        column.outcomes.set(id, error instanceof Error ? error.message.split('\n')[0] : String(error))
        throw error
      }
    },
    60_000,
  )
})

test('docs/interop.md says what was found', async ({ skip }) => {
  const tried = columns.reduce((sum, { outcomes }) => sum + outcomes.size, 0)
  const offered = kinds.reduce((sum, { without }) => sum + ids.length - Object.keys(without).length, 0)
  if (tried < offered) skip('only some of the features were tried')
  const file = fileURLToPath(new URL('../../docs/interop.md', import.meta.url))
  const wanted = await format(formatMatrix(columns), { ...(await resolveConfig(file)), filepath: file })
  if (process.env.UPDATE_INTEROP === '1') writeFileSync(file, wanted)
  const document = existsSync(file) ? readFileSync(file, 'utf8') : ''
  if (document !== '' && !sameVersions(document, columns)) skip('the routers here are of other versions')
  expect(document).toBe(wanted)
})
