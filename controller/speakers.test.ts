import { expect, test } from 'vitest'
import type { KubeObject } from '#kube/api.ts'
import { projectReport, SpeakerReports, type SpeakerReport } from './speakers.ts'

interface Status {
  ready?: boolean
  apiReachable?: 'True' | 'False'
  held?: string[]
  problems?: Record<string, string>
}

function report(
  node: string,
  { ready = true, apiReachable, held = [], problems = {} }: Status,
): SpeakerReport {
  return projectReport({
    metadata: { name: node },
    status: {
      conditions: [
        { type: 'Ready', status: ready ? 'True' : 'False' },
        ...(apiReachable === undefined ? [] : [{ type: 'ApiReachable', status: apiReachable }]),
      ],
      held: held.map((address) => ({ address, since: 's', interfaces: ['eth0'] })),
      problems: Object.entries(problems).map(([address, reason]) => ({ address, reason, message: reason })),
    },
  } as unknown as KubeObject)
}

test('a status that nobody has written yet says nothing', () => {
  expect(projectReport({ metadata: { name: 'a' } })).toEqual({
    node: 'a',
    ready: false,
    readiness: undefined,
    apiReachable: undefined,
    held: new Map(),
    troubles: new Map(),
    sessions: new Map(),
    moreSessions: false,
  })
})

test('what changed, and nothing else', () => {
  const reports = new SpeakerReports()
  const first = report('a', { held: ['1', '2'], problems: { '3': 'x' } })
  expect([...reports.change(undefined, first)].sort()).toEqual(['1', '2', '3'])
  const second = report('a', { held: ['2', '4'], problems: { '3': 'y' } })
  expect([...reports.change(first, second)].sort()).toEqual(['1', '3', '4'])
  expect([...reports.change(second, report('a', { held: ['2', '4'], problems: { '3': 'y' } }))]).toEqual([])
  expect(reports.holdings('2')).toEqual([{ node: 'a', since: 's', interfaces: ['eth0'] }])
  expect(reports.holdings('1')).toEqual([])
  expect(reports.troubles('3')).toEqual([{ node: 'a', reason: 'y', message: 'y' }])
  expect([...reports.change(second, undefined)].sort()).toEqual(['2', '3', '4'])
  expect(reports.holdings('2')).toEqual([])
})

test('who leaves or is cut off says nothing that counts', () => {
  const reports = new SpeakerReports()
  const good = report('a', { held: ['1'] })
  reports.change(undefined, good)
  expect(reports.anyReady).toBe(true)
  const cut = report('a', { held: ['1'], apiReachable: 'False' })
  expect([...reports.change(good, cut)]).toEqual(['1'])
  expect([reports.holdings('1'), reports.anyReady]).toEqual([[], true])
  const leaving = report('a', { held: ['1'], ready: false })
  expect([...reports.change(cut, leaving)]).toEqual([])
  expect(reports.anyReady).toBe(false)
})

test('of several holders all are known, in the order of their names', () => {
  const reports = new SpeakerReports()
  for (const node of ['b', 'a']) reports.change(undefined, report(node, { held: ['1'] }))
  expect(reports.holdings('1').map(({ node }) => node)).toEqual(['a', 'b'])
})
