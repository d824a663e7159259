import { expect, test } from 'vitest'
import { table } from './table.ts'

test('more rows than a call has room for arguments', () => {
  const rows = Array.from({ length: 200_000 }, (_, at) => [String(at), 'x'])
  const lines = table(['number', 'mark'], rows).split('\n')
  expect([lines.length, lines.at(-1)]).toEqual([200_001, '199999   x'])
})

test('columns are as wide as their widest cell, and no line ends in space', () => {
  expect(
    table(
      ['name', 'ready'],
      [
        ['node1', 'true'],
        ['a-longer-name', ''],
      ],
    ),
  ).toBe(['NAME            READY', 'node1           true', 'a-longer-name'].join('\n'))
})
