import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { KubeError } from '#kube/errors.ts'
import { FakeKubeApi } from '#kube/fake-api.ts'
import { resources } from '#kube/resources.ts'
import { TestClock } from '#kube/test-clock.ts'
import { ExclusionSource, parseExclusions } from './exclusions.ts'
import { defaultExclusions } from './layer2/interfaces.ts'

/** As MetalLB's manifests have it. */
const upstream = `announcedInterfacesToExclude: ["^docker.*", "^cbr.*", "^veth.*", "^lo$"]
`

describe('the text', () => {
  test('as MetalLB writes it, and as people do', async () => {
    expect(await parseExclusions(upstream)).toEqual({ patterns: ['^docker.*', '^cbr.*', '^veth.*', '^lo$'] })
    const block = 'announcedInterfacesToExclude:\n  - ^eth1$\n'
    expect(await parseExclusions(block)).toEqual({ patterns: ['^eth1$'] })
    expect(await parseExclusions('announcedInterfacesToExclude: []')).toEqual({ patterns: [] })
  })

  test.each([
    [undefined, 'the key excludel2.yaml is missing'],
    ['', 'announcedInterfacesToExclude must be a list'],
    ['announcedInterfacesToExclude: eth0', 'must be a list'],
    ['announcedInterfacesToExclude: [1]', 'must be a list of regular expressions'],
    ['announcedInterfacesToExclude: ["^eth("]', '"^eth(" is not a regular expression'],
    ['announcedInterfacesToExclude: [', 'Flow sequence'],
    [`announcedInterfacesToExclude: [${'a,'.repeat(257)}]`, 'at most 256'],
  ])('%j is broken: %s', async (text, problem) => {
    expect(await parseExclusions(text)).toEqual({ problem: expect.stringContaining(problem) })
  })
})

describe('the ConfigMap', () => {
  const namespace = 'metallb-system'
  const key = { namespace, name: 'metallb-excludel2' }
  let clock: TestClock
  let api: FakeKubeApi
  let changes: number
  let source: ExclusionSource

  beforeEach(() => {
    clock = new TestClock()
    api = new FakeKubeApi({ clock })
    changes = 0
    source = new ExclusionSource({ api, clock, namespace, onChange: () => changes++, onError: () => {} })
  })
  afterEach(() => source.stop())

  const write = async (data: Record<string, string>): Promise<void> => {
    await api.patch(resources.configMaps, key, { data }, { type: 'merge' })
    await read()
  }
  /** What was read asks for the parser, which is loaded when it is first needed. */
  const read = async (): Promise<void> => {
    await clock.advance(1)
    await source.whenSynced()
  }

  test('absent: MetalLB’s defaults', async () => {
    source.start()
    await read()
    expect([source.patterns, source.problems, changes]).toEqual([defaultExclusions, [], 0])
  })

  test('a role that does not grant it keeps nobody waiting', async () => {
    api.fail = () => new KubeError('FL_KUBE_FORBIDDEN', 'no role')
    source.start()
    await read()
    expect(source.patterns).toEqual(defaultExclusions)
  })

  test('followed; a broken one is told of, and the last good one stays', async () => {
    await api.create(resources.configMaps, { metadata: key, data: { 'excludel2.yaml': upstream } } as never)
    await api.create(resources.configMaps, { metadata: { namespace, name: 'other' } })
    source.start()
    await read()
    expect(source.patterns).toContain('^veth.*')
    await write({ 'excludel2.yaml': 'announcedInterfacesToExclude: ["("]' })
    expect(source.patterns).toContain('^veth.*')
    expect(source.problems).toMatchObject([
      { severity: 'error', kind: 'ConfigMap', name: 'metallb-excludel2', field: 'excludel2.yaml' },
    ])
    await write({ 'excludel2.yaml': 'announcedInterfacesToExclude: [^eth1$]' })
    expect([source.patterns, source.problems]).toEqual([['^eth1$'], []])
    await api.delete(resources.configMaps, key)
    await read()
    expect(source.patterns).toEqual(defaultExclusions)
  })
})
