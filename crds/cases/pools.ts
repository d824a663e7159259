import { raw } from '../test-objects.ts'
import { casesOf, labels, term, type ConfigurationCase } from './case.ts'

const { refuse, accept } = casesOf('pools')

const entry = (...addresses: string[]) => ({ addresses })
const allocation = (serviceAllocation: object) => ({ addresses: ['1.1.1.1/32'], serviceAllocation })
const a = (address: string) => ({ pools: [raw('a', entry(address))] })

const malformed = /invalid CIDR or IP range/
const syntax: readonly ConfigurationCase[] = [
  refuse(
    'C1',
    'an octet beyond 255',
    entry('100.200.300.400/24'),
    'spec.addresses[0]',
    /invalid CIDR "100\.200\.300\.400\/24" in pool "under-test"/,
    { schema: malformed },
  ),
  refuse('C1', 'a length beyond 32', entry('1.2.3.0/33'), 'spec.addresses[0]', /invalid CIDR/, {
    schema: /the prefix length must be at most 32/,
  }),
  refuse('C1', 'a length beyond 128', entry('2001:db8::/129'), 'spec.addresses[0]', /invalid CIDR/, {
    schema: /the prefix length must be at most 32, for IPv6 128/,
  }),
  refuse(
    'C1',
    'a range from high to low',
    entry('1.2.3.10-1.2.3.1'),
    'spec.addresses[0]',
    /start IP "1\.2\.3\.10" is after the end IP "1\.2\.3\.1"/,
    { schema: /start IP is after the end IP/ },
  ),
  refuse(
    'C1',
    'an IPv6 range from high to low',
    entry('2001:db8::9-2001:db8::1'),
    'spec.addresses[0]',
    /start IP "2001:db8::9" is after the end IP/,
  ),
  refuse('C1', 'no address', entry(), 'spec.addresses', /pool has no prefixes defined/, { schema: true }),
  refuse('C1', 'no spec', undefined, 'spec.addresses', /pool has no prefixes defined/, {
    schema: /spec: Required value/,
  }),
  refuse('C1', 'no such start', entry('x-1.2.3.4'), 'spec.addresses[0]', /invalid start IP/, {
    schema: malformed,
  }),
  refuse('C1', 'no such end', entry('1.2.3.4-'), 'spec.addresses[0]', /invalid end IP/, {
    schema: malformed,
  }),
  refuse('C1', 'three ends', entry('1.1.1.1-1.1.1.2-1.1.1.3'), 'spec.addresses[0]', /invalid IP range/, {
    schema: malformed,
  }),
  refuse(
    'C1',
    'an address without length',
    entry('1.2.3.4'),
    'spec.addresses[0]',
    /invalid CIDR "1\.2\.3\.4"/,
    {
      schema: malformed,
    },
  ),
  refuse('C1', 'two "::"', entry('2001::db8::/64'), 'spec.addresses[0]', /invalid CIDR/, {
    schema: malformed,
  }),
  refuse('C1', 'nine groups', entry('1:2:3:4:5:6:7:8:9/64'), 'spec.addresses[0]', /invalid CIDR/, {
    schema: malformed,
  }),
  refuse(
    'bad input',
    'a range of two families',
    entry('1.2.3.4-2001:db8::1'),
    'spec.addresses[0]',
    /start and end are of different families/,
    { schema: true },
  ),
  refuse('bad input', 'a zone', entry('fe80::1%eth0/128'), 'spec.addresses[0]', /zone identifier/, {
    schema: malformed,
  }),
  refuse('bad input', 'a leading zero', entry('10.0.0.010/32'), 'spec.addresses[0]', /leading zero/, {
    schema: malformed,
  }),
  refuse(
    'bad input',
    'IPv4-mapped IPv6',
    entry('::ffff:1.2.3.4/128'),
    'spec.addresses[0]',
    /IPv4-mapped IPv6 address: write 1\.2\.3\.4/,
    { schema: malformed },
  ),
  refuse(
    'bad input',
    'IPv4-mapped IPv6 in hex',
    entry('::ffff:102:304/128'),
    'spec.addresses[0]',
    /IPv4-mapped/,
  ),
  refuse('bad input', 'all of IPv4', entry('0.0.0.0/0'), 'spec.addresses[0]', /never gives out/, {
    warning: true,
  }),
  accept('bad input', 'a pool of 2^64 addresses', entry('2001:db8::/64')),
  accept(
    'C1',
    'every spelling of IPv6',
    entry('2001:DB8:0:0:0:0:0:0/64', '1:2:3:4:5:6:7::/128', '2001:db8:1::-2001:db8:1::ff'),
  ),
  accept('C1', 'spaces around the dash', entry('10.0.0.1 - 10.0.0.9')),
  accept('C1', 'host bits', entry('10.20.30.40/24')),
  accept('C1', 'a priority below zero', allocation({ priority: -1 })),
]

const overlap: readonly ConfigurationCase[] = [
  refuse(
    'C2',
    'part of another pool',
    entry('10.0.0.0/16'),
    'spec.addresses[0]',
    /CIDR "10\.0\.0\.0\/16" in pool "under-test" overlaps with already defined CIDR "10\.0\.0\.0\/8" of pool "a"/,
    { before: a('10.0.0.0/8') },
  ),
  refuse(
    'C2',
    'the same as another pool',
    entry('1.1.1.1/32', '10.0.0.0/8'),
    'spec.addresses[1]',
    /overlaps with already defined CIDR/,
    { before: a('10.0.0.0/8') },
  ),
  refuse(
    'C2',
    'overlap inside the pool',
    entry('10.0.0.0/24', '10.0.0.9-10.0.0.12'),
    'spec.addresses[1]',
    /overlaps with already defined CIDR "10\.0\.0\.0\/24"/,
  ),
  accept('C2', 'next to another pool', entry('10.0.1.0/24'), a('10.0.0.0/24')),
]

const restrictions: readonly ConfigurationCase[] = [
  refuse(
    'C7',
    'a namespace twice',
    allocation({ namespaces: ['a', 'a'] }),
    'spec.serviceAllocation.namespaces[1]',
    /duplicate definition in namespaces field/,
    { schema: true },
  ),
  refuse(
    'C7',
    'a namespace selector twice',
    allocation({ namespaceSelectors: [labels('a', 'b'), labels('a', 'b')] }),
    'spec.serviceAllocation.namespaceSelectors[1]',
    /duplicate definition of namespaceSelectors/,
    { schema: true },
  ),
  refuse(
    'C7',
    'a service selector twice',
    allocation({ serviceSelectors: [labels('a', 'b'), labels('a', 'b')] }),
    'spec.serviceAllocation.serviceSelectors[1]',
    /duplicate definition of serviceSelectors/,
    { schema: true },
  ),
  refuse(
    'C7',
    'a value twice',
    allocation({ serviceSelectors: [term({ key: 'foo', operator: 'In', values: ['bar', 'bar'] })] }),
    'spec.serviceAllocation.serviceSelectors[0].matchExpressions[0].values[1]',
    /duplicate definition of match expression value in label selector "bar"/,
    { schema: /Duplicate value: "bar"/ },
  ),
  refuse(
    'C7',
    'a term twice',
    allocation({
      serviceSelectors: [
        {
          matchExpressions: [
            { key: 'foo', operator: 'Exists' },
            { key: 'foo', operator: 'Exists' },
          ],
        },
      ],
    }),
    'spec.serviceAllocation.serviceSelectors[0].matchExpressions[1]',
    /duplicate definition of match expressions/,
  ),
  refuse(
    'C7',
    'a selector that is none',
    allocation({ namespaceSelectors: [term({ key: 'foo', operator: 'Is', values: ['bar'] })] }),
    'spec.serviceAllocation.namespaceSelectors[0].matchExpressions[0].operator',
    /invalid namespace label selector: "Is" is not a valid label selector operator/,
    { schema: /is not a valid label selector operator/ },
  ),
  accept('C8', 'a selector', allocation({ namespaceSelectors: [labels('team', 'metallb')] })),
]

const others: readonly ConfigurationCase[] = [
  refuse(
    'warning',
    'a field that nobody knows',
    { ...entry('1.1.1.1/32'), autoAsign: true },
    'spec.autoAsign',
    /unknown field "autoAsign" is ignored/,
    { warning: true },
  ),
  refuse(
    'types',
    'a text for a list',
    { addresses: '10.0.0.0/8' },
    'spec.addresses',
    /must be a list, not a string/,
    {
      schema: /must be of type array/,
    },
  ),
  refuse(
    'types',
    'a number for a text',
    { addresses: [10] },
    'spec.addresses[0]',
    /must be a string, not a number/,
    {
      schema: /must be of type string/,
    },
  ),
]

export const poolCases = [...syntax, ...overlap, ...restrictions, ...others]
