import { expect, test } from 'vitest'
import { SystemError } from './errors.ts'
import { chainNames } from './iptables.ts'

/** struct ipt_entry is 112 octets long and has target_offset at 88; struct ip6t_entry 168 and 140. */
const layouts = { 4: { header: 112, offsets: 88 }, 6: { header: 168, offsets: 140 } } as const

/** An entry with `matches` octets of matches and a target of this name and content. */
function entry(family: 4 | 6, name: string, content: Buffer, matches = 0): Buffer {
  const { header, offsets } = layouts[family]
  const target = header + matches
  const size = 32 + Math.ceil(content.length / 8) * 8
  const octets = Buffer.alloc(target + size)
  octets.writeUInt16LE(target, offsets)
  octets.writeUInt16LE(octets.length, offsets + 2)
  octets.writeUInt16LE(size, target)
  octets.write(name, target + 2, 'latin1')
  content.copy(octets, target + 32)
  return octets
}

/** struct xt_error_target */
function head(family: 4 | 6, chain: string): Buffer {
  const name = Buffer.alloc(30)
  name.write(chain, 'latin1')
  return entry(family, 'ERROR', name)
}

/** A jump: struct xt_standard_target has no name, only a verdict. */
const jump = (family: 4 | 6): Buffer => entry(family, '', Buffer.alloc(4, 1), 40)

test.each([4, 6] as const)('the chains of a table of IPv%d', (family) => {
  const table = Buffer.concat([
    jump(family),
    entry(family, 'DNAT', Buffer.from('ERROR'.padEnd(24)), 8),
    head(family, 'KUBE-SERVICES'),
    jump(family),
    head(family, 'A-NAME-AS-LONG-AS-THERE-CAN-BE'),
    jump(family),
    head(family, 'ERROR'),
  ])
  expect(chainNames(family, table)).toEqual(['KUBE-SERVICES', 'A-NAME-AS-LONG-AS-THERE-CAN-BE'])
  expect(chainNames(family, Buffer.alloc(0))).toEqual([])
})

test.each([4, 6] as const)('a table of IPv%d cut anywhere but between entries is an error', (family) => {
  const entries = [head(family, 'KUBE-SERVICES'), jump(family), head(family, 'ERROR')]
  const table = Buffer.concat(entries)
  const ends = new Set([0, entries[0]?.length, (entries[0]?.length ?? 0) + (entries[1]?.length ?? 0)])
  for (let length = 0; length < table.length; length++) {
    const read = () => chainNames(family, table.subarray(0, length))
    if (ends.has(length)) expect(read).not.toThrow()
    else expect(read, `${length} octets`).toThrow(SystemError)
  }
})

test('lengths that lead backwards or nowhere are an error', () => {
  const { offsets } = layouts[4]
  for (const [target, next] of [
    [0, 0],
    [112, 112],
    [112, 0xffff],
    [0xffff, 0xffff],
    [8, 174],
  ] as const) {
    const table = head(4, 'KUBE-SERVICES')
    table.writeUInt16LE(target, offsets)
    table.writeUInt16LE(next, offsets + 2)
    expect(() => chainNames(4, table), `${target} ${next}`).toThrow(/does not end/)
  }
})
