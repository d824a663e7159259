import { expect, test } from 'vitest'
import { TestLab } from './test-lab.ts'

test('the session that asks every kind of Service from every kind of place finds all as it should be', async () => {
  const { code, stdout, stderr } = await new TestLab('fwd-session').command('forwarding')
  expect(stdout.split('\n').filter((line) => line.includes('WRONG'))).toEqual([])
  expect(stdout).toMatch(/All \d{3} answers are as they should be/)
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
})
