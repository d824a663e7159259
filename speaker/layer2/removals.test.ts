import { expect, test } from 'vitest'
import { Removals } from './removals.ts'
import { Lan } from './testing-lan.ts'
import { candidate, wireAddress } from './testing.ts'

test('what comes back within five seconds was held here', () => {
  const removals = new Removals()
  removals.removed('10.0.0.1')
  expect(removals.returned('10.0.0.1')).toBe(true)
  expect(removals.returned('10.0.0.1')).toBe(false)
  for (const address of ['10.0.0.1', '10.0.0.2', '10.0.0.3']) removals.removed(address)
  removals.step(1000)
  removals.removed('10.0.0.4')
  removals.step(6000)
  expect(removals.returned('10.0.0.2')).toBe(true)
  removals.step(6001)
  expect(removals.returned('10.0.0.1')).toBe(false)
  expect(removals.returned('10.0.0.4')).toBe(true)
})

test('no more than ten thousand are remembered', () => {
  const removals = new Removals()
  for (let index = 0; index < 10_001; index++) removals.removed(`2001:db8::${index.toString(16)}`)
  expect(removals.returned('2001:db8::270f')).toBe(true)
  expect(removals.returned('2001:db8::2710')).toBe(false)
})

test('removed and added again before the others have heard of it, an address stays where it was', () => {
  const names = ['node-a', 'node-b', 'node-c']
  const address = '10.0.0.1'
  const wanted = (...eligible: string[]) =>
    wireAddress(address, {
      candidates: names.map((node) => candidate(node, { eligible: eligible.includes(node) })),
    })
  const lan = new Lan()
  for (const name of names)
    lan.add(
      name,
      names.filter((other) => other !== name),
    )
  // Not the first by hash, which it would be for nodes without memory.
  lan.put(names, wanted('node-a'))
  lan.run(5000)
  lan.put(names, wanted(...names))
  lan.run(5000)
  lan.act('node-a', (layer2) => layer2.remove([address]))
  lan.run(30)
  lan.put(['node-a'], wanted(...names))
  lan.run(150)
  expect(lan.holding(address)).toEqual(['node-a'])
  expect(lan.story('node-a', address).at(-2)).toBe('took: healing')
})
