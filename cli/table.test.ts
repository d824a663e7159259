import { expect, test } from 'vitest'
import { table } from './table.ts'

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
