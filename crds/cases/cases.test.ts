import { expect, test } from 'vitest'
import { problemCodes } from '../errors.ts'
import { parseConfig } from '../parse.ts'
import { noObjects } from '../test-objects.ts'
import { allCases } from './all.ts'
import { UNDER_TEST } from './case.ts'

test.each(allCases)('%s', (_title, { before, section, object, problem }) => {
  const objects = { ...noObjects, ...before }
  const { problems } = parseConfig({ ...objects, [section]: [...objects[section], object] })
  const own = problems.filter(({ name }) => name === UNDER_TEST)
  expect(problems.filter(({ name }) => name !== UNDER_TEST)).toEqual([])
  expect(own.every(({ code }) => code in problemCodes)).toBe(true)
  if (problem === undefined) {
    expect(own).toEqual([])
    return
  }
  const { severity, field, message } = problem
  expect(own).toContainEqual(
    expect.objectContaining({ severity, field, message: expect.stringMatching(message) }),
  )
  if (severity === 'warning') expect(own.every((one) => one.severity === 'warning')).toBe(true)
})

test('the titles of the cases are all different', () => {
  expect(new Set(allCases.map(([title]) => title)).size).toBe(allCases.length)
})

test('every number of MetalLB that is about configuration has a case', () => {
  const numbers = new Set(allCases.map(([, { number }]) => number))
  const wanted = 'C1 C2 C4 C5 C7 C8 C10 C11 C13 C14 C16 C17 C19 C20 C22 C23 C25 C26 C28 C29 F'.split(' ')
  expect(wanted.filter((number) => !numbers.has(number))).toEqual([])
})
