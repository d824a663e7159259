import { expect, test } from 'vitest'
import { Network, goodQuality, type Station } from './network.ts'
import { Random } from './random.ts'
import { VirtualTime } from './virtual-time.ts'
import { broadcastMac, writeMac } from '../ethernet.ts'

class Rig {
  readonly time = new VirtualTime()
  readonly network = new Network(this.time, new Random(1))
  readonly heard: string[] = []
  readonly stations = ['a', 'b', 'c'].map((name, index) => this.#station(name, index + 1))

  #station(name: string, mac: number): Station {
    const receive = (frame: Uint8Array): void => void this.heard.push(`${name}${frame[14]}`)
    const station = { name, mac, listensTo: (group: number) => group === broadcastMac, receive }
    this.network.attach(station)
    return station
  }

  /** From the first station; the payload is one octet. */
  send(destination: number, payload = 1): string[] {
    const frame = new Uint8Array(60)
    writeMac(frame, 0, destination)
    frame[14] = payload
    this.network.send(this.stations[0], frame)
    return this.wait()
  }

  wait(): string[] {
    this.time.advance(this.time.now + 10, () => false)
    return this.heard.splice(0).sort()
  }
}

test('a frame goes to its station, a broadcast to all others', () => {
  const rig = new Rig()
  expect(rig.send(3)).toEqual(['c1'])
  expect(rig.send(broadcastMac)).toEqual(['b1', 'c1'])
  expect(rig.send(0x333300000001)).toEqual([])
})

test('what a link, a split or a one-way fault takes does not arrive', () => {
  const rig = new Rig()
  rig.network.plug('b', false)
  expect(rig.send(broadcastMac)).toEqual(['c1'])
  rig.network.plug('b', true)
  rig.network.split(['c'])
  expect(rig.send(broadcastMac)).toEqual(['b1'])
  rig.network.split(undefined)
  rig.network.block('a', 'b')
  expect(rig.send(broadcastMac)).toEqual(['c1'])
  expect(rig.network.hears('b', 'a')).toBe(false)
  expect(rig.network.hears('a', 'b')).toBe(true)
  rig.network.unblock()
  expect(rig.send(broadcastMac)).toEqual(['b1', 'c1'])
})

test('what is under way when the link goes is lost', () => {
  const rig = new Rig()
  rig.network.quality = { ...goodQuality, delay: 5 }
  const frame = new Uint8Array(60)
  writeMac(frame, 0, broadcastMac)
  rig.network.send(rig.stations[0], frame)
  rig.network.plug('b', false)
  expect(rig.wait()).toEqual(['c0'])
})

test('frames are lost and doubled, and do not overtake each other', () => {
  const rig = new Rig()
  rig.network.quality = { delay: 0, jitter: 5, loss: 0.5, duplicates: 0 }
  const lossy = Array.from({ length: 200 }, () => rig.send(2).length).reduce((sum, count) => sum + count, 0)
  expect(lossy).toBeGreaterThan(60)
  expect(lossy).toBeLessThan(140)
  rig.network.quality = { delay: 0, jitter: 5, loss: 0, duplicates: 1 }
  expect(rig.send(2)).toEqual(['b1', 'b1'])
  rig.network.quality = { delay: 0, jitter: 5, loss: 0, duplicates: 0 }
  const arrived: string[] = []
  for (let payload = 1; payload <= 9; payload++) {
    const frame = new Uint8Array(60)
    writeMac(frame, 0, 2)
    frame[14] = payload
    rig.network.send(rig.stations[0], frame)
  }
  rig.time.advance(rig.time.now + 10, () => false)
  arrived.push(...rig.heard)
  expect(arrived).toEqual(['b1', 'b2', 'b3', 'b4', 'b5', 'b6', 'b7', 'b8', 'b9'])
})

test('time that stands still is an error', () => {
  const time = new VirtualTime()
  const again = (): void => void time.after(0, again)
  again()
  expect(() => time.advance(1, () => false)).toThrow('within a millisecond')
})
