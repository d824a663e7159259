import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { speakerCapabilities } from './product.ts'

test('the capabilities of a speaker in the lab are those that the chart grants', () => {
  const template = join(import.meta.dirname, '../helm/fairlead/templates/_helpers.tpl')
  const [, granted = ''] = /drop: \[ALL\], add: \[([^\]]+)\]/.exec(readFileSync(template, 'utf8')) ?? []
  expect(granted.split(', ')).toEqual(speakerCapabilities)
})
