import { expect, test } from 'vitest'
import { features, type Feature } from './features.ts'
import { formatMatrix, sameVersions, type Column } from './matrix.ts'

const ids = Object.keys(features) as Feature[]

const bird: Column = {
  name: 'BIRD',
  version: '2.0',
  outcomes: new Map(ids.map((id) => [id, ''])),
  without: {},
}
const other: Column = {
  name: 'Other',
  version: '1',
  outcomes: new Map(ids.filter((id) => id !== 'bfd').map((id) => [id, id === 'md5' ? 'refused' : ''])),
  without: { bfd: 'none there' },
}

test('a cell says yes, no or that there is nothing to try, and why stands below', () => {
  const text = formatMatrix([bird, other])
  expect(text).toContain('|  | BIRD 2.0 | Other 1 |')
  expect(text).toContain(`| ${features.ipv4} | yes | yes |`)
  expect(text).toContain(`| ${features.md5} | yes | no |`)
  expect(text).toContain(`| ${features.bfd} | yes | – |`)
  expect(text).toContain(`## What does not work\n\n- Other, ${features.md5}: refused\n`)
  expect(text).toContain(`## What routers do not offer\n\n- Other, ${features.bfd}: none there\n`)
})

test('without anything to explain there is nothing below', () => {
  expect(formatMatrix([bird])).not.toContain('##')
})

test('a feature that was not tried is not a yes', () => {
  const text = formatMatrix([{ ...bird, outcomes: new Map() }])
  expect(text).toContain(`| ${features.ipv4} | no |`)
  expect(text).toContain(`- BIRD, ${features.ipv4}: not tried`)
})

test('versions are compared by the header', () => {
  const text = formatMatrix([bird, other])
  expect(sameVersions(text, [bird, other])).toBe(true)
  expect(sameVersions(text, [{ ...bird, version: '2' }, other])).toBe(false)
})
