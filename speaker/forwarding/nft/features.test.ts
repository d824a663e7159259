import { describe, expect, test } from 'vitest'
import { features, missingFeatures, nftTooOld, parseNftVersion, type TryScript } from './features.ts'

/** A machine that refuses scripts in which one of these occurs. */
function machine(...refused: readonly (readonly [RegExp, string])[]): TryScript & { asked: string[] } {
  const asked: string[] = []
  const attempt: TryScript = async (script) => {
    asked.push(script)
    for (const [pattern, complaint] of refused) {
      if (pattern.test(script)) throw new Error(`nft: ${complaint}`)
    }
  }
  return Object.assign(attempt, { asked })
}

const UNSUPPORTED = '/dev/stdin:4:1-6: Error: Could not process rule: Operation not supported'
const old = { kernel: '5.4.0-150-generic', nft: '1.0.6' }
const recent = { kernel: '6.1.0', nft: '1.0.6' }

test('a machine with everything is asked once', async () => {
  const attempt = machine()
  expect(await missingFeatures(attempt, recent)).toEqual([])
  expect(attempt.asked).toHaveLength(1)
  for (const { probe } of features) {
    for (const line of [...probe('ip'), ...probe('ip6')]) expect(attempt.asked[0]).toContain(line)
  }
})

describe('what is refused by itself is named', () => {
  const rejectBeforeRouting = /hook prerouting priority 0\n.*reject/

  test('with the version that has it, when this kernel is older', async () => {
    expect(await missingFeatures(machine([rejectBeforeRouting, UNSUPPORTED]), old)).toEqual([
      'the kernel refuses `reject` before routing: Linux 5.9 or newer is needed (this is 5.4.0-150-generic)',
    ])
  })

  test('with its module, when this kernel is new enough', async () => {
    expect(await missingFeatures(machine([/numgen/, UNSUPPORTED]), recent)).toEqual([
      'the kernel refuses `numgen`: Linux 6.1.0 is new enough, but was built without nft_numgen, or cannot load it',
    ])
  })

  test('with the version of nft, when nft cannot write it', async () => {
    const complaint = 'Error: syntax error, unexpected jhash'
    expect(await missingFeatures(machine([/jhash/, complaint]), { ...recent, nft: '0.9.0' })).toEqual([
      'nft cannot write `jhash`: nft 1.0.6 or newer is needed (this is 0.9.0)',
    ])
  })

  test('all of them', async () => {
    const missing = await missingFeatures(
      machine([/jhash/, UNSUPPORTED], [/masquerade/, UNSUPPORTED], [/fib/, UNSUPPORTED]),
      recent,
    )
    expect(missing.map((one) => /refuses ([^:]+)/.exec(one)?.[1])).toEqual([
      '`masquerade`',
      '`jhash`',
      '`fib`',
    ])
  })

  test('for the family that lacks it', async () => {
    expect(await missingFeatures(machine([/table ip6 [^}]*masquerade/, UNSUPPORTED]), recent)).toEqual([
      'the kernel refuses `masquerade` for IPv6: Linux 6.1.0 is new enough, but was built without nft_masq, or cannot load it',
    ])
  })
})

test('without nf_tables that is all there is to say', async () => {
  const attempt = machine([/table/, UNSUPPORTED])
  const [only, ...others] = await missingFeatures(attempt, recent)
  expect(only).toMatch(/^the kernel refuses nf_tables: .*built without nf_tables/)
  expect(others).toEqual([])
  expect(attempt.asked).toHaveLength(3)
})

test('without IPv6 the features of IPv4 are still looked at, those of IPv6 are not', async () => {
  const missing = await missingFeatures(machine([/table ip6/, UNSUPPORTED], [/numgen/, UNSUPPORTED]), recent)
  expect(missing.map((one) => /refuses ([^:]+)/.exec(one)?.[1])).toEqual(['nf_tables for IPv6', '`numgen`'])
})

test('a missing right is not taken for a missing feature', async () => {
  const denied = 'netlink: Error: cache initialization failed: Operation not permitted'
  const attempt = machine([/table/, denied])
  expect(await missingFeatures(attempt, recent)).toEqual([
    'nf_tables may not be changed by this process: it needs the capability CAP_NET_ADMIN',
  ])
  expect(attempt.asked).toHaveLength(1)
})

test('what is refused only together is left to the words of nft', async () => {
  const attempt: TryScript = async (script) => {
    if (/numgen/.test(script) && /jhash/.test(script))
      throw new Error('nft: Error: No buffer space available')
  }
  expect(await missingFeatures(attempt, recent)).toEqual([])
})

test('the version of nft', () => {
  expect(parseNftVersion('nftables v1.0.6 (Lester Gooch #5)\n')).toBe('1.0.6')
  expect(parseNftVersion('nftables v0.9.8 (E.D.S.)')).toBe('0.9.8')
  expect(parseNftVersion('something else')).toBe('')
  expect(nftTooOld('1.0.0')).toBe('nft 1.0.6 or newer is needed (this is 1.0.0)')
  expect(nftTooOld('0.9.8')).toMatch(/1\.0\.6 or newer/)
  expect(['1.0.6', '1.0.10', '1.1', '2.0.0', ''].map(nftTooOld)).toEqual(['', '', '', '', ''])
})
