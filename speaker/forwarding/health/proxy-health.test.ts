import { describe, expect, test } from 'vitest'
import {
  healthzAnswer,
  isProxyHealthy,
  livezAnswer,
  missingNode,
  type ProxyHealthInput,
} from './proxy-health.ts'

const now = Date.UTC(2026, 0, 1, 12, 0, 0, 120)
const lastSync = Date.UTC(2026, 0, 1, 11)
const fine: ProxyHealthInput = {
  now,
  programming: { queuedSince: undefined, lastSync },
  node: { deleting: false, taints: ['node.kubernetes.io/unschedulable'] },
  timeoutMs: 60_000,
}
const late = { queuedSince: now - 60_000, lastSync }

test('the body is that of kube-proxy; a healthy proxy is up to date now', () => {
  expect(healthzAnswer(fine)).toEqual({
    code: 200,
    headers: { 'Content-Type': 'application/json', 'X-Content-Type-Options': 'nosniff' },
    body:
      '{"lastUpdated":"2026-01-01T12:00:00.12Z","currentTime":"2026-01-01T12:00:00.12Z","nodeEligible":true,' +
      '"healthy":true,"status":{"IPv4":{"lastUpdated":"2026-01-01T11:00:00Z","healthy":true},' +
      '"IPv6":{"lastUpdated":"2026-01-01T11:00:00Z","healthy":true}}}',
  })
})

test('a change that waits for too long: both fail, with the time of the last success', () => {
  const input = { ...fine, programming: late }
  expect(healthzAnswer(input)).toMatchObject({ code: 503 })
  expect(livezAnswer(input)).toMatchObject({
    code: 503,
    body:
      '{"lastUpdated":"2026-01-01T11:00:00Z","currentTime":"2026-01-01T12:00:00.12Z","healthy":false,' +
      '"status":{"IPv4":{"lastUpdated":"2026-01-01T11:00:00Z","healthy":false},' +
      '"IPv6":{"lastUpdated":"2026-01-01T11:00:00Z","healthy":false}}}',
  })
})

describe('a node that is about to go', () => {
  test.each([
    ['is being deleted', { deleting: true, taints: [] }],
    ['has the taint of the autoscaler', { deleting: false, taints: ['a', 'ToBeDeletedByClusterAutoscaler'] }],
    ['is gone', missingNode],
  ])('%s: /healthz fails, /livez does not, Services do not', (_, node) => {
    const input = { ...fine, node }
    expect(healthzAnswer(input).code).toBe(503)
    expect(JSON.parse(healthzAnswer(input).body)).toMatchObject({
      nodeEligible: false,
      healthy: true,
      lastUpdated: '2026-01-01T11:00:00Z',
    })
    expect(livezAnswer(input).code).toBe(200)
    expect(isProxyHealthy(input.programming, now, input.timeoutMs)).toBe(true)
  })
})

test.each([
  ['nothing waits', { queuedSince: undefined, lastSync }, true],
  ['it waits a moment less', { queuedSince: now - 59_999, lastSync }, true],
  ['it waits for the whole time', late, false],
  ['starting, whatever waits', { queuedSince: now - 600_000, lastSync: 0 }, true],
])('healthy: %s', (_, programming, healthy) => {
  expect(isProxyHealthy(programming, now, 60_000)).toBe(healthy)
})

test('while starting there is no family to speak of, and an unknown node is eligible', () => {
  const input = { ...fine, node: undefined, programming: { queuedSince: now, lastSync: 0 } }
  expect(healthzAnswer(input)).toMatchObject({
    code: 200,
    body:
      '{"lastUpdated":"2026-01-01T12:00:00.12Z","currentTime":"2026-01-01T12:00:00.12Z","nodeEligible":true,' +
      '"healthy":true}',
  })
  expect(JSON.parse(healthzAnswer({ ...input, node: missingNode }).body)).toMatchObject({
    lastUpdated: '0001-01-01T00:00:00Z',
  })
})
