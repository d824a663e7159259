import { expect, test } from 'vitest'
import { checks, Checks } from './check.ts'

const vip = '192.0.2.50'
const path = { mac: 11, interfaceIndex: 2 }
const room = () => true

test.each(Object.entries(checks))(
  '%s: asked as often as it says, then unanswered',
  (name, { tries, wait }) => {
    const purpose = name as keyof typeof checks
    const open = new Checks()
    open.start(vip, 'node-b', path, purpose, 100)
    expect(open.step(99, room)).toEqual({ questions: [], unanswered: [] })
    for (let asked = 0; asked < tries; asked++) {
      expect(open.next()).toBe(100 + asked * wait)
      expect(open.step(100 + asked * wait, room)).toEqual({
        questions: [{ address: vip, path }],
        unanswered: [],
      })
    }
    expect(open.purposeOf(vip)).toBe(purpose)
    expect(open.step(100 + tries * wait, room)).toEqual({
      questions: [],
      unanswered: [{ address: vip, node: 'node-b', purpose }],
    })
    expect(open.purposeOf(vip)).toBeUndefined()
    expect(open.next()).toBeUndefined()
  },
)

test('an answer ends it, if it is of that node and the question was sent', () => {
  const open = new Checks()
  open.start(vip, 'node-b', path, 'verify', 0)
  open.answered(vip, 'node-b')
  expect(open.step(0, room).questions).toHaveLength(1)
  open.answered(vip, 'node-c')
  open.answered('192.0.2.99', 'node-b')
  expect(open.purposeOf(vip)).toBe('verify')
  open.answered(vip, 'node-b')
  expect(open.purposeOf(vip)).toBeUndefined()
})

test('who announces the address meanwhile is asked anew, now and then; a rival is not believed for that', () => {
  for (const purpose of ['verify', 'yielded'] as const) {
    const { wait } = checks[purpose]
    const open = new Checks()
    open.start(vip, 'node-b', path, purpose, 0)
    open.announced(vip, 'node-b', 0)
    expect(open.next()).toBe(0)
    open.step(0, room)
    open.step(wait, room)
    open.announced(vip, 'node-c', wait)
    open.announced('192.0.2.99', 'node-b', wait)
    open.announced(vip, 'node-b', wait + 10)
    const { questions, unanswered } = open.step(2 * wait + 10, room)
    expect([questions.length, unanswered.length]).toEqual(purpose === 'verify' ? [1, 0] : [0, 1])
  }
})

test('a step that comes late waits for what may lie in the socket', () => {
  const open = new Checks()
  open.start(vip, 'node-b', path, 'yielded', 0)
  open.step(0, room)
  expect(open.step(400, room)).toEqual({ questions: [], unanswered: [] })
  expect(open.next()).toBe(420)
})

test('one that has no room does not hold up the others', () => {
  const open = new Checks()
  open.start(vip, 'node-b', path, 'verify', 0)
  open.start('192.0.2.51', 'node-b', path, 'challenge', 0)
  const { questions } = open.step(0, (purpose) => purpose !== 'verify')
  expect(questions).toEqual([{ address: '192.0.2.51', path }])
  expect(open.next()).toBe(10)
})

test('everybody is asked, and nobody is missed; not when much is being asked', () => {
  const open = new Checks()
  open.askAll(vip, 0)
  expect(open.step(0, room)).toEqual({ questions: [{ address: vip }], unanswered: [] })
  for (let now = 200; now <= 3000; now += 200) expect(open.step(now, room).unanswered).toEqual([])
  expect(open.purposeOf(vip)).toBeUndefined()
  for (let index = 0; index < 100; index++) open.askAll(`10.0.0.${index}`, 0)
  expect(open.purposeOf('10.0.0.63')).toBe('aftermath')
  expect(open.purposeOf('10.0.0.64')).toBeUndefined()
})
