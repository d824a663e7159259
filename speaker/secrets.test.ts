import { afterEach, beforeEach, expect, test } from 'vitest'
import type { BgpPeer } from '#crds/config.ts'
import type { KubeObject } from '#kube/api.ts'
import { FakeKubeApi } from '#kube/fake-api.ts'
import { resources } from '#kube/resources.ts'
import { TestClock } from '#kube/test-clock.ts'
import { PasswordSource } from './secrets.ts'

const namespace = 'metallb-system'
const reference = { namespace: '', name: 'md5' }
const peers = [{ name: 'router', passwordSecret: reference }] as unknown as BgpPeer[]

let clock: TestClock
let api: FakeKubeApi
let source: PasswordSource
let changes: number

beforeEach(() => {
  clock = new TestClock()
  api = new FakeKubeApi({ clock })
  changes = 0
  source = new PasswordSource({ api, clock, namespace, onChange: () => changes++ })
})

afterEach(() => source.stop())

const base64 = (text: string) => Buffer.from(text).toString('base64')

async function withSecret(type: string, data: Record<string, string>): Promise<void> {
  await api.create(resources.secrets, { metadata: { name: 'md5', namespace }, type, data } as KubeObject)
  source.start()
  await clock.advance(10)
}

test('I: a Secret is resolved to its text', async () => {
  await withSecret('kubernetes.io/basic-auth', { username: base64('bgp'), password: base64('sésame') })
  expect(source.lookup(reference)).toEqual({ password: 'sésame' })
  expect(source.lookup({ namespace, name: 'md5' })).toEqual({ password: 'sésame' })
  expect(source.problems(peers)).toEqual([])
})

test('C17: a Secret of another type is refused, though it has the key', async () => {
  await withSecret('Opaque', { password: base64('sesame') })
  const words = `secret type mismatch on "metallb-system"/"md5", type "kubernetes.io/basic-auth" is expected`
  expect(source.lookup(reference)).toMatchObject({ problem: expect.stringContaining(words) })
  expect(source.problems(peers)).toMatchObject([
    {
      severity: 'error',
      name: 'router',
      field: 'spec.passwordSecret',
      message: expect.stringContaining(words),
    },
  ])
  expect(JSON.stringify([source.lookup(reference), source.problems(peers)])).not.toContain('sesame')
})

test.each([
  ['no key', {}],
  ['an empty password', { password: '' }],
])('C17: a Secret with %s is refused', async (_what, data) => {
  await withSecret('kubernetes.io/basic-auth', data)
  expect(source.problems(peers)).toMatchObject([
    { severity: 'error', message: 'password not specified in the secret "metallb-system"/"md5"' },
  ])
})

test('octets that are no text are refused: they would be another key than the one that was meant', async () => {
  const octets = Buffer.from([0x73, 0xe9, 0x73, 0xff])
  await withSecret('kubernetes.io/basic-auth', { password: octets.toString('base64') })
  const words = 'the password in the secret "metallb-system"/"md5" is not UTF-8 text'
  expect(source.lookup(reference)).toMatchObject({ problem: expect.stringContaining(words) })
  expect(source.problems(peers)).toMatchObject([
    { severity: 'error', code: 'FL_PEER_PASSWORD', message: expect.stringContaining(words) },
  ])
})

test('every text is the octets that the Secret has', async () => {
  const octets = Buffer.from('\ufeffsésame\u0000€𝄞\n')
  await withSecret('kubernetes.io/basic-auth', { password: octets.toString('base64') })
  const found = source.lookup(reference)
  expect('password' in found && Buffer.from(found.password)).toEqual(octets)
})

test('a password that the kernel would not take is refused without showing it', async () => {
  await withSecret('kubernetes.io/basic-auth', { password: base64('x'.repeat(81)) })
  expect(source.problems(peers)).toMatchObject([
    { severity: 'error', message: expect.stringContaining('longer than the 80 octets of TCP MD5') },
  ])
  expect(JSON.stringify(source.problems(peers))).not.toContain('xxx')
})

test('a Secret that does not exist yet is a warning, and the session is told when it comes', async () => {
  source.start()
  await clock.advance(10)
  expect(source.problems(peers)).toMatchObject([
    {
      severity: 'warning',
      code: 'FL_CRD_UNKNOWN_REFERENCE',
      message: expect.stringContaining('secret ref not found for peer config "metallb-system"/"router"'),
    },
  ])
  await withSecret('kubernetes.io/basic-auth', { password: base64('sesame') })
  expect(changes).toBe(1)
  expect(source.lookup(reference)).toEqual({ password: 'sesame' })
})

test('a Secret of another namespace is never read', () => {
  expect(source.lookup({ namespace: 'default', name: 'md5' })).toMatchObject({
    problem: expect.stringContaining('is not in namespace metallb-system'),
  })
})
