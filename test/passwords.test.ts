import { afterAll, beforeAll, expect, test } from 'vitest'
import { controllerSource } from '#admin/controller-source.ts'
import { speakerSource } from '#admin/speaker-source.ts'
import { startController, type ControllerProcess } from '#controller/main.ts'
import { manifestOf } from '#crds/cases/manifest.ts'
import { ConfigSource } from '#kube/config-source.ts'
import type { KubeApi, KubeObject } from '#kube/api.ts'
import { systemClock } from '#kube/clock.ts'
import type { Logger } from '#kube/logger.ts'
import { resources } from '#kube/resources.ts'
import { ApiServer } from '#lab/api/server.ts'
import { seedObjects } from '#lab/cluster/seed.ts'
import { planPeers } from '#speaker/bgp/peers.ts'
import { PasswordSource } from '#speaker/secrets.ts'
import { SpeakerConfigState } from '#speaker/status/config-state.ts'
import type { SpeakerView } from '#speaker/view.ts'
import { until } from './netns.ts'

const namespace = 'metallb-system'
/** In what people write; nothing that a process says may have it. */
const PASSWORD = 'open-sesame'
const BASIC_AUTH = 'kubernetes.io/basic-auth'

const session = (address: string) => ({ myASN: 64_500, peerASN: 64_501, peerAddress: address })
const peers: Record<string, object> = {
  inline: { ...session('192.0.2.1'), password: `${PASSWORD}-1` },
  secret: { ...session('192.0.2.2'), passwordSecret: { name: 'good' } },
  wrongtype: { ...session('192.0.2.3'), passwordSecret: { name: 'opaque' } },
  both: { ...session('192.0.2.4'), password: `${PASSWORD}-2`, passwordSecret: { name: 'good' } },
  long: { ...session('192.0.2.5'), password: `${PASSWORD}-${'x'.repeat(80)}` },
}
const secrets = [
  { name: 'good', type: BASIC_AUTH },
  { name: 'opaque', type: 'Opaque' },
]

const lines: string[] = []
const say = (fields: object, message: string) => void lines.push(JSON.stringify([fields, message]))
const log: Logger = { debug: say, info: say, warn: say, error: say }

let server: ApiServer
let api: KubeApi
let controller: ControllerProcess
let config: ConfigSource
let passwords: PasswordSource
let state: SpeakerConfigState

beforeAll(async () => {
  server = new ApiServer({ serviceCidrs: ['10.96.0.0/16'], tokens: {} })
  server.applyManifest(seedObjects())
  api = server.local('test')
  for (const { name, type } of secrets) {
    const data = { password: Buffer.from(`${PASSWORD}-3`).toString('base64') }
    await api.create(resources.secrets, { metadata: { namespace, name }, type, data } as KubeObject)
  }
  for (const [name, spec] of Object.entries(peers))
    await api.create(resources.bgpPeers, manifestOf('peers', { metadata: { name }, spec }, namespace))
  controller = await startController({
    api: server.local('controller'),
    clock: systemClock,
    namespace,
    identity: 'one',
    loadBalancerClass: '',
    log,
    leaderElect: false,
  })
  const of = { api, clock: systemClock, namespace }
  config = new ConfigSource(of)
  passwords = new PasswordSource({ ...of, onChange: () => {} })
  state = new SpeakerConfigState({
    ...of,
    node: 'node1',
    owner: () => undefined,
    problems: () =>
      config.synced ? [...config.problems, ...passwords.problems(config.config.peers)] : undefined,
    onError: (error) => say({ error }, 'not written'),
  })
  config.start()
  passwords.start()
  await Promise.all([config.whenSynced(), passwords.reflector.whenSynced()])
  state.start()
  state.changed()
  const isInvalid = async (name: string) => {
    const found = await api.get(resources.configurationStates, { namespace, name }).catch(() => undefined)
    return (found as { status?: { result?: string } } | undefined)?.status?.result === 'Invalid'
  }
  await until(
    'both states are written',
    async () => (await isInvalid('controller')) && isInvalid('speaker-node1'),
  )
})

afterAll(async () => {
  await state?.stop()
  passwords?.stop()
  config?.stop()
  await controller?.stop()
  await server?.close()
})

const encoded = Buffer.from(PASSWORD).toString('base64').slice(0, -2)
const expectNone = (text: string): void => {
  expect(text).not.toContain(PASSWORD)
  expect(text).not.toContain(encoded)
}

test('nothing that was written to the API has a password', async () => {
  const own = new Set(['secrets', 'bgppeers', 'tokenreviews', 'subjectaccessreviews'])
  const readable = Object.values(resources).filter(({ plural }) => !own.has(plural))
  const all = await Promise.all(readable.map((resource) => api.list(resource, {})))
  const text = JSON.stringify(all)
  // It is told what is wrong all the same.
  expect(text).toContain('can not have both password and secret ref set')
  expect(text).toContain('secret type mismatch on')
  expect(text).toContain('InvalidConfiguration')
  expectNone(text)
})

test('no log line has a password', () => {
  expect(lines.length).toBeGreaterThan(2)
  expectNone(lines.join('\n'))
})

test("no document of the controller's admin API has a password", async () => {
  const source = controllerSource({ view: () => controller.view(), api, namespace })
  const documents = await Promise.all([source.status(), source.config(), source.bgpPeers(), source.pools()])
  expect(JSON.stringify(documents)).toContain('192.0.2.1')
  expectNone(JSON.stringify(documents))
})

test("no document of a speaker's admin API has a password, although its sessions do", async () => {
  const world = {
    self: 'node1',
    config: config.config,
    nodes: new Map(),
    speakers: new Map(),
    ignoreExcludeLabel: false,
  }
  const sessions = planPeers(world, passwords.lookup)
  expect(JSON.stringify(sessions, bigints)).toContain(`${PASSWORD}-3`)
  const view = {
    node: 'node1',
    config: config.config,
    problems: config.problems,
    peers: sessions.map((peer) => ({ peer, routes: [] })),
  } as unknown as SpeakerView
  const source = speakerSource({ view: () => view, loadBalancerClass: '' })
  const documents = JSON.stringify(await Promise.all([source.config(), source.bgpPeers()]))
  expect(documents).toContain('secret type mismatch on')
  expectNone(documents)
})

const bigints = (_key: string, value: unknown): unknown => (typeof value === 'bigint' ? `${value}` : value)
