import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { olderThan, versionsOf } from './programs.ts'

describe('versions', () => {
  test('of Go and Kubernetes are read from go.mod', () => {
    const text = readFileSync(new URL('./programs/go.mod', import.meta.url), 'utf8')
    expect(versionsOf(text)).toEqual({ go: '1.26.0', kubernetes: 'v1.36.3' })
    expect(() => versionsOf('module x\n')).toThrow(/names no version/)
  })

  test.each([
    ['1.25.9', '1.26.0', true],
    ['1.26rc1', '1.26.0', false],
    ['1.26.8', '1.26.0', false],
    ['1.9', '1.26.0', true],
    ['2.0', '1.26.0', false],
    ['devel +1234', '1.26.0', false],
    ['', '1.26.0', true],
  ])('%j is older than %j: %j', (found, least, older) => expect(olderThan(found, least)).toBe(older))
})
