import { expect, test } from 'vitest'
import { SystemError } from '../errors.ts'
import { CtnetlinkSocket, ipProtocols, type ConntrackEntry } from './conntrack.ts'
import { ctAttributes, writeEntry } from './conntrack-entry.ts'
import { NetlinkWriter, parseAttributes, parseMessages, type NetlinkMessage } from './message.ts'
import type { NetlinkSocket } from './socket.ts'

const entry: ConntrackEntry = {
  family: 4,
  protocol: ipProtocols.udp,
  original: { source: '10.0.0.1', destination: '10.96.0.1', sourcePort: 1, destinationPort: 2, zone: 0 },
  reply: { source: '10.0.0.2', destination: '10.0.0.1', sourcePort: 2, destinationPort: 1, zone: 0 },
  zone: 0,
  id: 5,
  status: 0,
}

function message(about: ConntrackEntry): NetlinkMessage {
  const writer = new NetlinkWriter().begin(1 << 8, 0, 1)
  writer
    .u8(about.family === 4 ? 2 : 10)
    .u8(0)
    .u16be(0)
  writeEntry(writer, about)
  const [made] = parseMessages(Buffer.from(writer.end().finish()))
  return made
}

const refusal = (errno: number) => new SystemError('FL_SYS_NETLINK', 'refused', { errno })
const interrupted = new SystemError('FL_SYS_DUMP_INTERRUPTED', 'interrupted')

/** Answers with these, one after the other: entries, or an error behind the first entry. */
class Script implements NetlinkSocket {
  readonly port = 1
  readonly maxRequest = 1 << 20
  readonly asked: NetlinkMessage[] = []
  readonly #answers: (readonly ConntrackEntry[] | SystemError)[]

  constructor(...answers: (readonly ConntrackEntry[] | SystemError)[]) {
    this.#answers = answers
  }

  sequence(): number {
    return 1
  }

  async request(payload: Uint8Array): Promise<NetlinkMessage[]> {
    await this.stream(payload, 1, () => {})
    return []
  }

  async stream(payload: Uint8Array, _: number, onAnswer: (message: NetlinkMessage) => void): Promise<void> {
    this.asked.push(...parseMessages(Buffer.from(payload)))
    const answer = this.#answers.shift()
    if (answer === undefined) throw new Error('asked once too often')
    if (answer instanceof SystemError) {
      onAnswer(message(entry))
      throw answer
    }
    for (const one of answer) onAnswer(message(one))
  }

  join(): void {}
  close(): void {}
}

const udp = { family: 4, protocol: ipProtocols.udp } as const
const filtered = ({ body }: NetlinkMessage): boolean =>
  parseAttributes(body.subarray(4)).has(ctAttributes.filter)

async function list(script: Script): Promise<number[]> {
  const ids: number[] = []
  await new CtnetlinkSocket(script).dump(udp, ({ id }) => ids.push(id))
  return ids
}

test('asks the kernel for one protocol, and looks again itself: older ones ignore it', async () => {
  const script = new Script([entry, { ...entry, protocol: ipProtocols.tcp, id: 6 }, { ...entry, id: 7 }])
  expect(await list(script)).toEqual([5, 7])
  expect(script.asked.map(filtered)).toEqual([true])
})

test('a kernel that refuses the filter is asked without one, and not again with it', async () => {
  // 95 is EOPNOTSUPP.
  const script = new Script(refusal(95), [entry], [entry])
  const socket = new CtnetlinkSocket(script)
  await socket.dump(udp, () => {})
  await socket.dump(udp, () => {})
  expect(script.asked.map(filtered)).toEqual([true, false, false])
})

test('a listing that was interrupted begins again, not for ever', async () => {
  expect(await list(new Script(interrupted, interrupted, [entry]))).toEqual([5, 5, 5])
  await expect(list(new Script(...Array.from({ length: 5 }, () => interrupted)))).rejects.toBe(interrupted)
})

test('other refusals are told', async () => {
  await expect(list(new Script(refusal(1)))).rejects.toMatchObject({ errnoName: 'EPERM' })
})

test('what the callback throws ends the listing with that', async () => {
  const socket = new CtnetlinkSocket(new Script([entry, entry]))
  let calls = 0
  const failing = socket.dump(udp, () => {
    calls++
    throw new RangeError('enough')
  })
  await expect(failing).rejects.toThrow('enough')
  expect(calls).toBe(1)
})

test('an entry that is gone is deleted', async () => {
  // 2 is ENOENT.
  const socket = new CtnetlinkSocket(new Script([], refusal(2), refusal(1)))
  expect(await socket.delete(entry)).toBe(true)
  expect(await socket.delete(entry)).toBe(false)
  await expect(socket.delete(entry)).rejects.toMatchObject({ errnoName: 'EPERM' })
})
