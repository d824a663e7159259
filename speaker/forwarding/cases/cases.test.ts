import { describe, expect, test } from 'vitest'
import type { Family } from '#inet/address.ts'
import { applyTo } from '../diff.ts'
import { service, slice, testConfig, testNode } from '../fixtures.ts'
import { emptyElements, type Elements } from '../model.ts'
import { Planner } from '../planner.ts'
import { trace } from '../trace.ts'
import { familiesOf, flowIn, six, titleOf, transportsOf } from './cluster.ts'
import { elementsOfScene, outcomeOf } from './evaluate.ts'
import { LB1, OUTSIDE, type Scene } from './scene.ts'
import { table } from './table.ts'

/** Each row by evaluation of the elements; `cases.kernel.test.ts` sends the same rows as packets. */

const stacks: readonly (readonly Family[])[] = [[4], [6], [4, 6]]

describe.each(table.map((scene) => [`${scene.group} ${scene.title}`, scene] as const))('%s', (_, scene) => {
  const elements = new Map<string, Elements>()
  const elementsFor = (families: readonly Family[]): Elements => {
    const name = families.join()
    const known = elements.get(name) ?? elementsOfScene(scene, families)
    elements.set(name, known)
    return known
  }
  for (const row of scene.flows) {
    test(titleOf(scene, row), () => {
      for (const protocol of transportsOf(scene, row)) {
        for (const stack of stacks) {
          for (const family of familiesOf(scene, stack)) {
            const flow = flowIn(row, family, protocol)
            const about = `${protocol}, IPv${family} of ${stack.join(' and ')}`
            expect(outcomeOf(scene, elementsFor(stack), flow), about).toBe(flow.expected)
          }
        }
      }
    })
  }
  if (scene.elements !== undefined) {
    test(`${scene.elements} elements`, () => {
      for (const family of [4, 6] as const) {
        expect(ofServices(elementsFor([4, 6]), family), `IPv${family}`).toBe(scene.elements)
      }
    })
  }
})

const noServices = { group: '+', title: '', services: [], flows: [] } satisfies Scene

/** Elements besides those that a node has without any Service. */
function ofServices(elements: Elements, family: Family): number {
  const without = elementsOfScene(noServices, [4, 6])[family]
  const count = (one: Elements[Family]) => Object.values(one).reduce((sum, { size }) => sum + size, 0)
  return count(elements[family]) - count(without)
}

describe('the table', () => {
  /**
   * Numbers of kube-proxy's list that no row has: 84 and 87 fall into a gap of the list where more than one flow
   * could be meant (rows without a number have all of them); 90, 93 and 96 are not described, 94 to 98 are about
   * increments (`increments.test.ts`).
   */
  const elsewhere = [84, 87, 90, 93, 94, 95, 96, 97, 98]

  test('has every number of the list', () => {
    const numbers = new Set(table.flatMap(({ flows }) => flows.map(({ number }) => number)))
    const missing = Array.from({ length: 98 }, (_, index) => index + 1).filter(
      (number) => !numbers.has(number),
    )
    expect(missing).toEqual(elsewhere)
  })

  test('names each scene differently', () => {
    const names = table.map(({ group, title }) => `${group} ${title}`)
    expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([])
  })

  test('has a row for each kind of outcome in each family', () => {
    for (const outcome of ['reject', 'drop', 'untouched', 'answer']) {
      expect(
        table.some(({ flows }) => flows.some(({ expected }) => expected === outcome)),
        outcome,
      ).toBe(true)
    }
  })
})

describe('translation to IPv6', () => {
  test.each([
    ['10.180.0.1', 'fd00::10:180:0:1'],
    ['10.0.0.0/8', 'fd00::10:0:0:0/80'],
    ['172.30.0.0/16', 'fd00::172:30:0:0/96'],
    ['192.168.0.0/24', 'fd00::192:168:0:0/112'],
    ['203.0.113.0/25', 'fd00::203:0:113:0/121'],
    [' 203.0.113.0/25', 'fd00::203:0:113:0/121'],
    ['0.0.0.0/0', '::/0'],
    ['127.0.0.1', '::1'],
  ])('%s is %s', (four, expected) => {
    expect(six(four)).toBe(expected)
  })

  test('of what is seen', () => {
    const row = { what: '', from: '10.0.0.2', to: '1.2.3.4', port: 80, protocol: 'TCP' } as const
    expect(flowIn({ ...row, expected: '10.0.1.10:80 m, 10.0.1.2:80' }, 6).expected).toBe(
      '[fd00::10:0:1:10]:80 m, [fd00::10:0:1:2]:80',
    )
    expect(flowIn({ ...row, expected: 'drop' }, 6).expected).toBe('drop')
  })
})

describe('one family', () => {
  test('case +: addresses of a family that the Service does not have are left alone', () => {
    const elements = emptyElements()
    const planner = new Planner(testConfig)
    planner.setNode(testNode)
    const made = service('s', { ingress: [{ ip: '2001:db8::1' }], externalIPs: ['2001:db8::2'] })
    planner.setService('ns/s', made, [slice('s', ['10.0.0.1']), slice('s', ['fd00:10::1'])])
    applyTo(elements, planner.operations(elements, true).operations)
    for (const destination of ['2001:db8::1', '2001:db8::2']) {
      const packet = { source: '2001:db8::9', destination, protocol: 'TCP', port: 80 } as const
      expect(trace(elements, packet, () => false).verdict).toBe('untouched')
    }
  })
})

test('a trace says by which rules', () => {
  const scene = table.find(({ group }) => group === 'F') as Scene
  const elements = elementsOfScene(scene, [4])
  const packet = { source: OUTSIDE, destination: LB1, protocol: 'TCP', port: 80 } as const
  const { steps } = trace(elements, packet, () => false)
  expect(steps.map(({ chain, text }) => `${chain}: ${text}`)).toEqual([
    'services: destination, protocol, port in external-cluster: mark',
    'services: count frontends, goto to-endpoints',
    'to-endpoints: transport: send to a slot of endpoints',
    'masquerading: unmark, masquerade',
    'masquerading: unmark, masquerade',
  ])
})
