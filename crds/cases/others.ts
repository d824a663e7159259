import { raw } from '../test-objects.ts'
import { casesOf, type ConfigurationCase } from './case.ts'

const bfd = casesOf('bfdProfiles')
const { refuse, accept } = casesOf('communities')

const value = (text: string) => ({ communities: [{ name: 'a', value: text }] })
const VALUE = 'spec.communities[0].value'

const profiles: readonly ConfigurationCase[] = [
  bfd.refuse(
    'C22',
    'an interval of 2 ms',
    { receiveInterval: 2 },
    'spec.receiveInterval',
    /invalid receive interval value: invalid value 2, must be in 10-60000 range/,
    { schema: /greater than or equal to 10/ },
  ),
  bfd.refuse(
    'C22',
    'an interval of 90 s',
    { receiveInterval: 90_000 },
    'spec.receiveInterval',
    /invalid value 90000/,
    {
      schema: /less than or equal to 60000/,
    },
  ),
  ...(
    [
      ['transmitInterval', 2, 'transmit interval'],
      ['echoInterval', 2, 'echo interval'],
      ['detectMultiplier', 1, 'detect multiplier'],
      ['minimumTtl', 255, 'minimum ttl'],
    ] as const
  ).map(([field, bad, words]) =>
    bfd.refuse(
      '6.2',
      `a ${words} of ${bad}`,
      { [field]: bad },
      `spec.${field}`,
      new RegExp(`invalid ${words} value: invalid value ${bad}`),
      { schema: /should be (greater|less) than or equal to/ },
    ),
  ),
  bfd.accept('C22', 'what a profile can have', {
    receiveInterval: 10,
    transmitInterval: 60_000,
    detectMultiplier: 255,
    minimumTtl: 1,
    passiveMode: true,
  }),
  bfd.refuse(
    'C23',
    'echo packets, which upstream refuses for an IPv6 pool',
    { echoMode: true },
    'spec.echoMode',
    /echo packets are not offered: sessions with bfd profile under-test run without them/,
    { warning: true },
  ),
]

const communities: readonly ConfigurationCase[] = [
  accept('F', '12345:12345', value('12345:12345')),
  refuse('F', '12345', value('12345'), VALUE, /parsing community "a": invalid community format: 12345/, {
    schema: /invalid community format/,
  }),
  accept('F', 'large:12345:12345:12345', value('large:12345:12345:12345')),
  refuse(
    'F',
    'larg:12345:12345:12345',
    value('larg:12345:12345:12345'),
    VALUE,
    /invalid community value: invalid marker for large community, expected community to be of format large:<uint32>:<uint32>:<uint32>/,
    { schema: true },
  ),
  refuse('F', 'large:12345:wrong:12345', value('large:12345:wrong:12345'), VALUE, /invalid section "wrong"/, {
    schema: /invalid section/,
  }),
  refuse('F', '1:2:3', value('1:2:3'), VALUE, /invalid community format: 1:2:3/, {
    schema: /invalid community format/,
  }),
  refuse('F', 'a part beyond 32 bits', value('large:1:4294967296:1'), VALUE, /invalid section "4294967296"/, {
    schema: /invalid section/,
  }),
  accept('ours', 'aliases of extended communities and of well-known names', {
    communities: [
      { name: 'a', value: 'rt:65000:1' },
      { name: 'b', value: '0x030b000000000001' },
      { name: 'c', value: 'No_Export' },
    ],
  }),
  refuse(
    'ours',
    'an extended community that does not fit',
    value('rt:70000:70000'),
    VALUE,
    /invalid section/,
    {
      schema: /invalid section of an extended community/,
    },
  ),
  refuse(
    '6.2',
    'an alias twice',
    {
      communities: [
        { name: 'a', value: '1:1' },
        { name: 'a', value: '1:2' },
      ],
    },
    'spec.communities[1].name',
    /duplicate definition of community "a"/,
    { schema: /duplicate definition of community/ },
  ),
  refuse(
    '6.2',
    'an alias of another object',
    value('1:1'),
    'spec.communities[0].name',
    /duplicate definition of community "a", already defined by other/,
    { before: { communities: [raw('other', value('1:1'))] } },
  ),
  refuse(
    '6.2',
    'an alias without a name',
    { communities: [{ value: '1:1' }] },
    'spec.communities[0].name',
    /the alias has no name/,
    { schema: true },
  ),
]

export const otherCases = [...profiles, ...communities]
