import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { forwardingLines, statusCommand } from './status-command.ts'

const working = {
  mode: 'full',
  forwarding: true,
  synced: true,
  generation: 12,
  services: 40,
  programmed: 40,
  reason: '',
  foreign: '',
}

test.each([
  ['a controller has none', undefined, []],
  [
    'at work',
    working,
    ['forwarding: full, in step with the plan, 40 of 40 Services programmed, generation 12'],
  ],
  [
    'behind',
    { ...working, synced: false, programmed: 39, lastError: { at: 0, text: 'no memory' } },
    [
      'forwarding: full, behind the plan, 39 of 40 Services programmed, generation 12',
      '  last error, 1970-01-01T00:00:00.000Z: no memory',
    ],
  ],
  [
    'beside another proxy',
    { ...working, foreign: 'kube-proxy', reason: 'kube-proxy is here; it is forced' },
    [
      'forwarding: full, in step with the plan, 40 of 40 Services programmed, generation 12',
      '  kube-proxy is here; it is forced',
    ],
  ],
  [
    'standing by for another proxy',
    { ...working, forwarding: false, foreign: 'kube-proxy', reason: 'kube-proxy is here' },
    ['forwarding: standing by; addresses are announced all the same', '  kube-proxy is here'],
  ],
  [
    'off',
    { ...working, mode: 'off', forwarding: false, reason: 'forwarding is off' },
    ['forwarding: off; addresses are announced, another proxy must forward their traffic'],
  ],
])('%s', (_what, forwarding, lines) => {
  expect(forwardingLines(forwarding)).toEqual(lines)
})

describe('a part that cannot be had', () => {
  const { exitCode } = process
  afterEach(() => {
    process.exitCode = exitCode
    vi.restoreAllMocks()
  })

  const answers: Record<string, object> = {
    status: { component: 'controller', identity: 'one', synced: true, leader: true },
    services: {
      items: [{ namespace: 'a', name: 'b', addresses: ['192.0.2.1'], ports: [], reason: 'Assigned' }],
    },
    pools: { items: [] },
    nodes: { items: [] },
    layer2: { items: [{ serviceNamespace: 'a', serviceName: 'b', node: 'node1' }] },
    'bgp/peers': { items: [] },
    config: { problems: [] },
  }

  /** What is printed, and the exit code. */
  async function status(failing: readonly string[], json = false) {
    const directory = mkdtempSync(join(tmpdir(), 'status-'))
    const admin = join(directory, 'admin.sock')
    const server = createServer((request, response) => {
      const path = (request.url ?? '').replace('/api/v1/', '')
      const fails = failing.includes(path)
      response.writeHead(fails ? 500 : 200)
      response.end(JSON.stringify(fails ? { code: 'X', message: `${path} is forbidden` } : answers[path]))
    }).listen(admin)
    await once(server, 'listening')
    const print = vi.spyOn(console, 'log').mockImplementation(() => {})
    process.exitCode = 0
    try {
      await statusCommand({ admin, json })
      return { text: String(print.mock.calls[0][0]), code: process.exitCode }
    } finally {
      server.closeAllConnections()
      server.close()
      rmSync(directory, { recursive: true })
    }
  }

  test('is unknown with its reason, and hides nothing of the others', async () => {
    const { text, code } = await status(['layer2', 'config'])
    expect(text).toContain('Services\nSERVICE   ADDRESSES')
    expect(text).toContain('Layer 2\nunknown: layer2 is forbidden')
    expect(text).toContain('Configuration problems\nunknown: config is forbidden')
    expect(code).toBe(1)
  })

  test('the same as JSON', async () => {
    const { text, code } = await status(['layer2', 'config'], true)
    expect(JSON.parse(text)).toMatchObject({
      services: answers.services,
      layer2: { items: [], unknown: 'layer2 is forbidden' },
      problems: [],
      problemsUnknown: 'config is forbidden',
    })
    expect(code).toBe(1)
  })

  test('none', async () => {
    const { text, code } = await status([])
    expect(text).toContain('node1')
    expect(text).not.toContain('unknown')
    expect(code).toBe(0)
  })

  test('without the state of the process there is nothing to tell', async () => {
    await expect(status(['status'])).rejects.toThrow('status is forbidden')
  })
})
