import { expect, test } from 'vitest'
import { bfdTable } from './bfd-command.ts'

const session = {
  local: '192.0.2.11',
  remote: '192.0.2.12',
  interface: 'eth0',
  multihop: false,
  clients: ['layer2/node2'],
  state: 'Up',
  since: 0,
  diagnostic: 'none',
  remoteState: 'Up',
  remoteDiscriminator: 7,
  transmitInterval: 300,
  receiveInterval: 300,
  detectionTime: 900,
}

test('who is watched, and why a session is down', () => {
  const lines = bfdTable(
    [
      session,
      { ...session, state: 'Down', remoteDiscriminator: 0, detectionTime: 0 },
      { ...session, state: 'Down', diagnostic: 'control detection time expired' },
      { ...session, state: 'Down', remoteState: 'AdminDown' },
      { ...session, state: 'Down', problem: { text: 'another BFD daemon runs here' } },
    ],
    5000,
  ).split('\n')
  expect(lines[1]).toBe('192.0.2.12   192.0.2.11%eth0   layer2/node2   Up      5s      300ms   300ms   900ms')
  expect(lines.slice(2).map((line) => line.split(/ {3,}/).at(-1))).toEqual([
    'nothing heard: UDP port 3784 filtered, or the other side does no BFD',
    'control detection time expired',
    'ended by the other side',
    'another BFD daemon runs here',
  ])
})
