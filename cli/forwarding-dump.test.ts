import { describe, expect, test } from 'vitest'
import type { DumpedElement } from '#admin/forwarding/dump.ts'
import { dumpQueryOf, dumpText, type DumpDocument } from './forwarding-dump.ts'

describe('options', () => {
  test.each([
    [{}, ''],
    [
      { service: 'ns/web', family: '6', differences: true, limit: '20' },
      'service=ns%2Fweb&family=6&differences=true&limit=20',
    ],
  ])('%j', (options, query) => {
    expect(dumpQueryOf(options).toString()).toBe(query)
  })

  test.each([
    [{ service: 'web' }, '--service web: write NAMESPACE/NAME'],
    [{ family: '5' }, '--family 5: it must be 4 or 6'],
    [{ limit: '0' }, '--limit 0: it is a number of Services'],
    [{ limit: 'all' }, '--limit all: it is a number of Services'],
  ])('%j is refused with the name of the option', (options, words) => {
    expect(() => dumpQueryOf(options)).toThrow(words)
  })
})

const element = (more: Partial<DumpedElement>): DumpedElement => ({
  mark: '=',
  family: 4,
  collection: 'endpoints',
  frontend: '1.2.3.4:80/tcp',
  key: '',
  planned: '',
  kernel: '',
  ...more,
})

const empty: DumpDocument = { same: 0, missing: 0, unplanned: 0, other: 0, left: 0, note: '', items: [] }

test('a table of each Service, with values as people write them, and the sums', () => {
  const web = [
    element({ collection: 'frontends', planned: '2', kernel: '2' }),
    element({ key: '0', planned: '10.0.0.9 . 8080', kernel: '10.0.0.9 . 8080' }),
    element({ mark: '!', key: '1', planned: '10.0.1.9 . 8080', kernel: '10.0.1.8 . 8080' }),
    element({ mark: '-', key: '2', planned: undefined, kernel: '10.0.2.9 . 8080' }),
    element({ mark: '+', collection: 'external-cluster', kernel: undefined }),
    element({ frontend: '[fd00::1]:80/tcp', family: 6, key: '0', planned: 'fd00::9 . 80' }),
    element({ frontend: '*:30080/tcp', collection: 'nodeports', planned: '251@source-hash' }),
  ]
  const node = [element({ frontend: '', collection: 'pod-sources', key: '10.0.0.0/8' })]
  const text = dumpText({
    same: 5,
    missing: 1,
    unplanned: 1,
    other: 1,
    left: 3,
    note: 'a note',
    items: [
      { service: 'ns/web', differences: 3, elements: web },
      { service: '', differences: 0, elements: node },
    ],
  })
  expect(text).toBe(
    [
      '= as planned   + not in the kernel   - not planned   ! another value',
      '',
      'ns/web',
      '    FRONTEND           ELEMENT            VALUE',
      '=   1.2.3.4:80/tcp     frontends          2 endpoints',
      '=                      endpoints 0        10.0.0.9:8080',
      '!                      endpoints 1        10.0.1.9:8080, in the kernel 10.0.1.8:8080',
      '-                      endpoints 2        10.0.2.9:8080',
      '+                      external-cluster',
      '=   [fd00::1]:80/tcp   endpoints 0        [fd00::9]:80',
      '=   *:30080/tcp        nodeports          251 slots, source-hash',
      '',
      'the node, and what no Service has',
      '    FRONTEND   ELEMENT                  VALUE',
      '=   -          pod-sources 10.0.0.0/8',
      '',
      '3 more Services: give --limit, --differences or --service to see them',
      '',
      '5 elements as planned, 1 not in the kernel, 1 not planned, 1 with another value',
      '',
      'Note: a note',
    ].join('\n'),
  )
})

test('nothing to show', () => {
  expect(dumpText({ ...empty, same: 7 })).toBe('7 elements as planned, no differences')
})

test('a collection that only a newer speaker has is shown as it is', () => {
  const items = [
    {
      service: 'ns/web',
      differences: 0,
      elements: [element({ collection: 'newer' as DumpedElement['collection'], planned: 'a . b' })],
    },
  ]
  expect(dumpText({ ...empty, same: 1, items })).toContain('newer     a . b')
})

test('what stands for many is one line', () => {
  const elements = [element({ key: '0', planned: '10.0.0.9 . 80' }), element({ key: '', more: 64_535 })]
  const text = dumpText({ ...empty, same: 1, items: [{ service: 'ns/web', differences: 0, elements }] })
  expect(text).toMatch(/ endpoints +and 64535 more like these/)
})
