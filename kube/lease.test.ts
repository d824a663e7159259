import { describe, expect, it } from 'vitest'
import { decideLease, observeLease, releasedSpec } from './lease.ts'
import type { Lease, LeaseSpec } from './lease.ts'

const now = Date.UTC(2026, 0, 1, 12, 0, 0, 123)
const self = { identity: 'me', durationMs: 14_500 }
const lease = (spec: LeaseSpec): Lease => ({ metadata: { name: 'x', namespace: 'y' }, spec })
const theirs = lease({
  holderIdentity: 'other',
  leaseDurationSeconds: 10,
  leaseTransitions: 3,
  renewTime: 't',
})

describe('decideLease', () => {
  it('creates the Lease when there is none, with six digits and whole seconds, rounded up', () => {
    const time = '2026-01-01T12:00:00.123000Z'
    expect(decideLease(undefined, self, now)).toEqual({
      kind: 'create',
      spec: {
        holderIdentity: 'me',
        leaseDurationSeconds: 15,
        acquireTime: time,
        renewTime: time,
        leaseTransitions: 0,
      },
    })
  })

  it('renews its own and keeps what it was', () => {
    const mine = lease({ holderIdentity: 'me', acquireTime: 'a', renewTime: 'r', leaseTransitions: 2 })
    expect(decideLease({ lease: mine, changedAt: 0 }, self, now)).toMatchObject({
      kind: 'renew',
      spec: { acquireTime: 'a', leaseTransitions: 2, renewTime: '2026-01-01T12:00:00.123000Z' },
    })
  })

  it("waits for the duration of another's Lease since it was seen to change, then takes it", () => {
    const seen = { lease: theirs, changedAt: now - 9999 }
    expect(decideLease(seen, self, now).kind).toBe('wait')
    expect(decideLease(seen, self, now + 1)).toMatchObject({
      kind: 'take',
      spec: { holderIdentity: 'me', leaseTransitions: 4 },
    })
  })

  it('takes a released one at once', () => {
    const released = lease(releasedSpec(theirs.spec!, now))
    expect(decideLease({ lease: released, changedAt: now }, self, now).kind).toBe('take')
  })
})

describe('observeLease', () => {
  it('counts time by our own clock, from the last change of holder or renewal', () => {
    const first = observeLease(undefined, theirs, 100)
    expect(
      observeLease(first, { ...theirs, metadata: { ...theirs.metadata, labels: {} } }, 200).changedAt,
    ).toBe(100)
    const renewed = lease({ ...theirs.spec, renewTime: 'u' })
    expect(observeLease(first, renewed, 300).changedAt).toBe(300)
  })
})
