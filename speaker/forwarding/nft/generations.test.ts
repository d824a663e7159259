import { beforeEach, describe, expect, test } from 'vitest'
import { SystemError } from '#raw-socket/errors.ts'
import type { GenerationEvent, NetfilterSocket } from '#raw-socket/netlink/netfilter.ts'
import type { ForeignChange } from '../dataplane.ts'
import type { Operation } from '../model.ts'
import { Generations } from './generations.ts'
import { KernelDataplane } from './kernel-dataplane.ts'

describe('generations', () => {
  test('are complete as long as every step is known', () => {
    const one = new Generations()
    expect(one.complete(5)).toBe(false)
    one.listed(5)
    expect([one.complete(5), one.complete(6)]).toEqual([true, false])
    one.own()
    one.other(7)
    expect([one.complete(6), one.complete(7), one.complete(8)]).toEqual([false, true, false])
    one.listed(9)
    one.other(8)
    expect([one.complete(9), one.complete(10)]).toEqual([true, false])
  })

  test('go round', () => {
    const one = new Generations()
    one.listed(0xffff_ffff)
    one.own()
    one.other(1)
    expect(one.complete(1)).toBe(true)
  })
})

describe('events were lost', () => {
  let generation: number
  let tell: (event: GenerationEvent | 'overrun') => void
  let told: ForeignChange[]
  let plane: KernelDataplane
  let asked: () => Promise<void>
  /** how often it was asked */
  let asks: number

  beforeEach(async () => {
    generation = 40
    told = []
    asks = 0
    asked = () => Promise.resolve()
    tell = () => {}
    const commit = () => Promise.resolve(void generation++)
    const socket: NetfilterSocket = {
      maxBatch: 1 << 20,
      apply: commit,
      generation: async () => {
        asks++
        const answer = generation
        await asked()
        return answer
      },
      dump: () => Promise.resolve([]),
      watch: (onChange) => {
        tell = onChange
        return { close: () => {} }
      },
      close: () => {},
    }
    plane = new KernelDataplane({ socket, nft: commit, signs: () => ({}) as never })
    plane.watch((change) => told.push(change))
    await plane.adopt()
    await plane.apply([add])
  })

  const add: Operation = { do: 'add', family: 4, collection: 'cluster-ips', key: '10.96.0.1', value: '' }
  const settled = () => new Promise((resolve) => setImmediate(resolve))

  test('of our own work only: nothing is listed again', async () => {
    tell('overrun')
    await settled()
    expect(told).toEqual([])
  })

  test('and of somebody else: everything is suspect', async () => {
    generation++
    tell('overrun')
    await expect.poll(() => told).toEqual([{ by: '', ours: true }])
  })

  test('somebody else whose event was not lost is known', async () => {
    generation++
    tell({ generation, own: false, pid: 1, processName: 'other', tables: [] })
    told.length = 0
    tell('overrun')
    await settled()
    expect(told).toEqual([])
  })

  test('work of our own that begins meanwhile is waited for', async () => {
    let first = true
    asked = async () => {
      if (first) void plane.apply([add])
      first = false
    }
    tell('overrun')
    await expect.poll(() => asks).toBe(3)
    await settled()
    expect(told).toEqual([])
  })

  test('the kernel does not answer: everything is suspect', async () => {
    asked = () => Promise.reject(new SystemError('FL_SYS_TIMEOUT', 'no answer'))
    tell('overrun')
    await expect.poll(() => told).toEqual([{ by: '', ours: true }])
  })
})
