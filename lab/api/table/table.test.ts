import { describe, expect, it } from 'vitest'
import { customColumns } from '../crd/columns.ts'
import { humanDuration } from './column.ts'
import { parseJsonPath } from './json-path.ts'
import { toTable } from './table.ts'

describe('JSONPath', () => {
  const value = {
    spec: { list: ['a', 'b'], 'x.y/z': 1 },
    status: {
      conditions: [
        { type: 'Ready', status: 'True' },
        { type: 'Other', status: 'False' },
      ],
    },
  }
  it.each([
    ['.spec.list', [['a', 'b']]],
    ['.spec.list[1]', ['b']],
    ['.spec.list[-1]', ['b']],
    ['.spec.list[*]', ['a', 'b']],
    ['{.spec.list[0]}', ['a']],
    ["$.spec['x.y/z']", [1]],
    ['.spec.x\\.y/z', [1]],
    ['.status.conditions[?(@.type=="Ready")].status', ['True']],
    [".status.conditions[?(@.type == 'Other')].status", ['False']],
    ['.status.conditions[*].type', ['Ready', 'Other']],
    ['.none.at.all', []],
  ])('%s', (path, expected) => {
    expect(parseJsonPath(path)?.(value)).toEqual(expected)
  })

  it('says when it does not understand', () => {
    expect(parseJsonPath('.a[?(@.b > 1)]')).toBeUndefined()
  })
})

it('says durations as kubectl does', () => {
  const second = 1000
  const day = 86_400 * second
  const said = [
    0,
    119 * second,
    125 * second,
    600 * second,
    3 * 3600 * second,
    47 * 3600 * second,
    3 * day,
    800 * day,
  ]
  expect(said.map(humanDuration)).toEqual(['0s', '119s', '2m5s', '10m', '3h', '47h', '3d', '2y70d'])
  expect(humanDuration(-5 * second)).toBe('<invalid>')
})

it('makes a table of custom columns', () => {
  const columns = customColumns([
    { name: 'Addresses', type: 'string', jsonPath: '.spec.addresses' },
    { name: 'Auto', type: 'boolean', jsonPath: '.spec.auto' },
    { name: 'Count', type: 'integer', jsonPath: '.status.count', priority: 10 },
    { name: 'Since', type: 'date', jsonPath: '.metadata.creationTimestamp' },
  ])
  const object = {
    apiVersion: 'x/v1',
    kind: 'X',
    metadata: { name: 'n', creationTimestamp: '2026-01-01T00:00:00Z' },
    spec: { addresses: ['1', '2'], auto: true },
  }
  const now = Date.parse('2026-01-01T00:01:00Z')
  expect(toTable([object], columns, {}, 'Metadata', now)).toMatchObject({
    kind: 'Table',
    columnDefinitions: [
      { name: 'Name', format: 'name' },
      { name: 'Addresses', priority: 0 },
      { name: 'Auto' },
      { name: 'Count', priority: 10 },
      { name: 'Since' },
    ],
    rows: [
      {
        cells: ['n', '["1","2"]', true, null, '60s'],
        object: { kind: 'PartialObjectMetadata', metadata: { name: 'n' } },
      },
    ],
  })
  expect(customColumns(undefined).map(({ name }) => name)).toEqual(['Name', 'Age'])
})
