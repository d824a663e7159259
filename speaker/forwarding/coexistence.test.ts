import { describe, expect, test } from 'vitest'
import { forwardingDecision } from './coexistence.ts'

const base = { mode: 'full', forced: false, foreign: '', everProgrammed: false } as const
const KUBE_PROXY = 'kube-proxy, ipvs (device kube-ipvs0; to remove: kube-proxy --cleanup)'

test('alone on a node it forwards and has nothing to say', () => {
  expect(forwardingDecision(base)).toEqual({ forward: true, reason: '' })
  expect(forwardingDecision({ ...base, forced: true, everProgrammed: true }).reason).toBe('')
})

test('off is off, whatever else there is', () => {
  for (const forced of [false, true]) {
    for (const foreign of ['', KUBE_PROXY]) {
      const decision = forwardingDecision({ mode: 'off', forced, foreign, everProgrammed: true })
      expect(decision).toEqual({ forward: false, reason: 'forwarding is off' })
    }
  }
})

describe('beside another proxy', () => {
  const beside = { ...base, foreign: KUBE_PROXY }

  test('it does not begin, and says what to do', () => {
    expect(forwardingDecision(beside)).toEqual({
      forward: false,
      reason:
        `another service proxy, or what it left behind, is on this node: ${KUBE_PROXY}. ` +
        'Forwarding begins by itself when that is gone, or at once with --force-forwarding',
    })
  })

  test('it begins when it is forced to', () => {
    const { forward, reason } = forwardingDecision({ ...beside, forced: true })
    expect(forward).toBe(true)
    expect(reason).toMatch(/kube-ipvs0.*it is forced$/)
  })

  test('it goes on when it had begun, in this process or in one before', () => {
    const { forward, reason } = forwardingDecision({ ...beside, everProgrammed: true })
    expect(forward).toBe(true)
    expect(reason).toMatch(/kube-ipvs0.*in the kernel already$/)
  })
})
