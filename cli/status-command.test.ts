import { expect, test } from 'vitest'
import { forwardingLines } from './status-command.ts'

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
