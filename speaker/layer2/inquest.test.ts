import { beforeEach, describe, expect, test } from 'vitest'
import { Inquests, inquestTime, type Case, type Host } from './inquest.ts'

const hostOf = (node: string, interfaceIndex = 2): Host => ({
  node,
  path: { mac: 0x020000000000 + node.charCodeAt(0), interfaceIndex },
  local: '192.0.2.10',
  remote: '192.0.2.11',
})

const silence: Case = {
  doubt: 'overdue',
  addresses: ['10.0.0.1', '10.0.0.2'],
  host: hostOf('b'),
  witnesses: [hostOf('c')],
}
const refusal: Case = { doubt: 'refused', addresses: ['10.0.0.1'], host: undefined, witnesses: [] }

let inquests: Inquests
beforeEach(() => {
  inquests = new Inquests()
})

/** Everything that is asked and decided up to a time, as the core does it. */
function until(end: number, start = 0): { questions: string[]; silent: string[] } {
  const questions: string[] = []
  const silent: string[] = []
  for (let now = start; now <= end; now++) {
    silent.push(...inquests.verdicts(now).map(({ node, doubt }) => `${now} ${node} ${doubt}`))
    for (const { addresses, hosts } of inquests.questions(now, () => true)) {
      questions.push(`${now} ${[...hosts.map(({ node }) => node), ...addresses].join(' ')}`)
    }
  }
  return { questions, silent }
}

describe('silence', () => {
  test('three questions to the machine, a witness and for the addresses, then the verdict', () => {
    inquests.begin('b', silence, 0)
    expect(until(10).questions).toEqual(['0 b c 10.0.0.1 10.0.0.2'])
    inquests.heard('c', 2)
    // One witness is enough.
    expect(until(200, 11)).toEqual({
      questions: ['30 b 10.0.0.1 10.0.0.2', '60 b 10.0.0.1 10.0.0.2'],
      silent: [`${inquestTime} b overdue`],
    })
    expect(inquests.open).toBe(false)
    expect(inquests.next()).toBeUndefined()
  })

  test('nobody is heard: this node may be the one that hears nothing', () => {
    inquests.begin('b', silence, 0)
    expect(until(300).silent).toEqual([])
    expect(inquests.open).toBe(false)
  })

  test.each([
    ['a client', undefined, 2, 1],
    ['another node', 'c', 2, 1],
    ['somebody on another network', 'c', 3, 0],
    ['the machine itself', 'b', 2, 0],
    ['the machine itself on another network', 'b', 3, 0],
  ])('%s is heard: %s', (_who, node, interfaceIndex, verdicts) => {
    inquests.begin('b', silence, 0)
    until(10)
    inquests.heard(node, interfaceIndex)
    expect(until(300, 11).silent).toHaveLength(verdicts)
  })

  test('an answer that lies unread is waited for', () => {
    inquests.begin('b', silence, 0)
    until(60)
    inquests.heard('c', 2)
    expect(inquests.verdicts(150)).toEqual([])
    expect(inquests.next()).toBe(170)
    expect(inquests.verdicts(170)).toHaveLength(1)
  })
})

test('a refusal: two questions for the addresses, no machine, no witness', () => {
  inquests.begin('b', refusal, 0)
  // The kernel of a machine whose speaker has ended goes on talking.
  inquests.heard('b', 2)
  expect(until(200)).toEqual({ questions: ['0 10.0.0.1', '35 10.0.0.1'], silent: ['70 b refused'] })
})

test('what is over is over', () => {
  inquests.begin('b', silence, 0)
  inquests.begin('d', { ...refusal }, 0)
  inquests.end('b')
  expect(until(100).silent).toEqual(['70 d refused'])
  inquests.begin('b', silence, 200)
  inquests.clear()
  expect(until(400, 200)).toEqual({ questions: [], silent: [] })
})

test('no room in the budget: later, and the verdict later still', () => {
  inquests.begin('b', refusal, 0)
  expect(inquests.questions(0, (frames) => frames === 0)).toEqual([])
  expect(inquests.next()).toBe(10)
  expect(until(200, 1).silent).toEqual(['80 b refused'])
})
