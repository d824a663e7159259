import { spawnSync } from 'node:child_process'
import { createServer } from 'node:http'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { spawn } from 'node:child_process'
import { afterAll, expect, test } from 'vitest'
import type { Explanation } from '#admin/explain/explain.ts'

const main = join(import.meta.dirname, 'main.ts')
const directory = mkdtempSync(join(tmpdir(), 'fairlead-cli-'))
afterAll(() => rmSync(directory, { recursive: true, force: true }))

const run = (args: readonly string[]) => spawnSync(process.execPath, [main, ...args], { encoding: 'utf8' })

function runAsync(args: readonly string[]): Promise<{ code: number | null; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [main, ...args])
    let stdout = ''
    let stderr = ''
    child.stdout.on('data', (chunk) => (stdout += chunk))
    child.stderr.on('data', (chunk) => (stderr += chunk))
    child.on('close', (code) => resolve({ code, stdout, stderr }))
  })
}

test.each([
  [['speaker', '--namespace', 'x'], '--node-name is needed'],
  [
    ['speaker', '--namespace', 'x', '--node-name', 'n', '--forwarding', 'half'],
    '--forwarding half: it must be full or off',
  ],
  [['controller'], '--namespace is needed'],
  [['controller', '--namespace', 'x', '--kubeconfig', '/does/not/exist'], '/does/not/exist'],
  [['explain', 'service', 'web', '--admin', '/x'], 'write NAMESPACE/NAME'],
  [['status', '--admin', '/does/not/exist.sock'], 'cannot reach /does/not/exist.sock'],
  [
    ['forwarding', 'trace', '--from', 'x', '--to', '1.2.3.4:80/tcp', '--admin', '/x'],
    '--from x: it must be an IP',
  ],
  [['status'], 'which process? give --admin'],
])('fairlead %j ends with one clear line', (args, message) => {
  const { status, stderr } = run(args)
  expect(status).toBe(1)
  expect(stderr).toContain(message)
  expect(stderr.trim().split('\n')).toHaveLength(1)
})

test('explain prints headline, checks and what to do, and exits 1 for a failure', async () => {
  const explanation: Explanation = {
    service: 'default/web',
    verdict: 'fail',
    headline: 'Does it have ready endpoints? No pod matches its selector app=web.',
    checks: [
      {
        id: 'class',
        question: 'Is the Service ours?',
        verdict: 'ok',
        evidence: 'type LoadBalancer',
        remedy: '',
      },
      {
        id: 'endpoints',
        question: 'Does it have ready endpoints?',
        verdict: 'fail',
        evidence: 'no pod matches its selector app=web',
        remedy: 'compare with the pods’ labels',
      },
    ],
  }
  const socket = join(directory, 'admin.sock')
  const server = createServer((request, response) => {
    const found = request.url === '/api/v1/services/default/web/explain'
    response
      .writeHead(found ? 200 : 404)
      .end(JSON.stringify(found ? explanation : { message: 'there is no Service' }))
  })
  await new Promise<void>((resolve) => server.listen(socket, resolve))
  try {
    const { code, stdout } = await runAsync(['explain', 'service', 'default/web', '--admin', socket])
    expect(code).toBe(1)
    expect(stdout).toBe(
      [
        'default/web: Does it have ready endpoints? No pod matches its selector app=web.',
        '',
        '#   VERDICT   CHECK                           EVIDENCE',
        '1   ok        Is the Service ours?            type LoadBalancer',
        '2   fail      Does it have ready endpoints?   no pod matches its selector app=web',
        '',
        'What to do: compare with the pods’ labels.',
        '',
      ].join('\n'),
    )
    const json = await runAsync(['explain', 'service', 'default/web', '--admin', socket, '--json'])
    expect(JSON.parse(json.stdout)).toEqual(explanation)
    const missing = await runAsync(['explain', 'service', 'default/no', '--admin', socket])
    expect(missing).toMatchObject({ code: 1, stderr: 'fairlead: there is no Service\n' })
  } finally {
    server.close()
  }
})
