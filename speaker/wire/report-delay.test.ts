import { expect, test } from 'vitest'
import { reportDelay, ReportDelay } from './report-delay.ts'
import { arpFrame, groupMacOf, linkLayerOption, ndpFrame, solicitedNodeOf } from './test-frames.ts'

const mac = '02:00:00:00:00:0a'
const target = '2001:db8::50'
const group = 'ff02::1:ff00:50'

const frameOf = (hex: string) => ({ interfaceIndex: 2, frame: Uint8Array.from(Buffer.from(hex, 'hex')) })

const advertisement = (address: string, to = '33:33:00:00:00:01') =>
  frameOf(
    ndpFrame({
      to,
      from: mac,
      source: 'fe80::1',
      destination: 'ff02::1',
      type: 'advertisement',
      target: address,
      options: linkLayerOption('target', mac),
    }),
  )

test('an advertisement waits until the group is reported, others do not', () => {
  const delay = new ReportDelay()
  const frame = advertisement(target)
  expect(delay.passes(frame, 1000)).toBe(true)
  delay.joined(2, group, 1000)
  expect(delay.passes(frame, 1000)).toBe(false)
  expect(delay.deadline).toBe(1000 + reportDelay)
  // Of another interface, of another group, an answer to one who asked, a question, ARP.
  const others = [
    { ...frame, interfaceIndex: 3 },
    advertisement('2001:db8::51'),
    advertisement(target, '02:00:00:00:00:c7'),
    frameOf(
      ndpFrame({
        to: groupMacOf(solicitedNodeOf(target)),
        from: mac,
        source: 'fe80::1',
        destination: solicitedNodeOf(target),
        type: 'solicitation',
        target,
      }),
    ),
    frameOf(
      arpFrame({
        to: mac,
        from: mac,
        operation: 'request',
        sha: mac,
        spa: '192.0.2.1',
        tha: mac,
        tpa: '192.0.2.1',
      }),
    ),
  ]
  expect(others.map((other) => delay.passes(other, 1001))).toEqual([true, true, true, true, true])
  expect(delay.due(1000 + reportDelay - 1)).toEqual([])
  expect(delay.due(1000 + reportDelay)).toMatchObject([frame])
  expect(delay.deadline).toBeUndefined()
  expect(delay.passes(frame, 1000 + reportDelay)).toBe(true)
})

test('joined again: counted from then', () => {
  const delay = new ReportDelay()
  delay.joined(2, group, 1000)
  delay.joined(2, 'ff02::1:ff00:51', 1010)
  delay.joined(2, group, 1020)
  expect(delay.passes(advertisement(target), 1045)).toBe(false)
  expect(delay.deadline).toBe(1020 + reportDelay)
  expect(delay.passes(advertisement('2001:db8::51'), 1055)).toBe(true)
})

test('what is lost meanwhile is not claimed', () => {
  const delay = new ReportDelay()
  delay.joined(2, group, 1000)
  delay.passes(advertisement(target), 1000)
  delay.forget('2001:db8::51')
  expect(delay.deadline).toBeDefined()
  delay.forget(target)
  expect(delay.due(2000)).toEqual([])
})
