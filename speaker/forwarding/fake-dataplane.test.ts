import { expect, test } from 'vitest'
import { dataplaneSuite } from './dataplane-suite.ts'
import { FakeDataplane } from './fake-dataplane.ts'

dataplaneSuite('fake', () => {
  const plane = new FakeDataplane()
  return Promise.resolve({
    open: () => Promise.resolve(plane),
    reset: async () => void (await plane.remove()),
  })
})

test('refuses a frontend that counts endpoints which are not there', async () => {
  const plane = new FakeDataplane()
  const operations = [
    {
      do: 'add',
      family: 4,
      collection: 'endpoints',
      key: '10.96.0.1 . tcp . 80 . 0',
      value: '10.0.0.1 . 80',
    },
    { do: 'add', family: 4, collection: 'frontends', key: '10.96.0.1 . tcp . 80', value: '2' },
  ] as const
  await expect(plane.apply(operations)).rejects.toMatchObject({ code: 'FL_FORWARDING_REFERENCE' })
  expect(plane.dump()).toEqual([])
})
