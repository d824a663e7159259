import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parseAddress } from '#inet/address.ts'
import { parsePrefix } from '#inet/prefix.ts'
import type { PeerConfig } from './config.ts'
import { replay } from './recording.ts'
import {
  encodeOpenBytes,
  incomingConnection,
  message,
  startSession,
  testConfig,
  type FakeConnection,
} from './testing.ts'

/** A session, and every connection that it ever had. */
interface Subject extends ReturnType<typeof startSession> {
  config: PeerConfig
  readonly accepted: FakeConnection[]
}

const openOnes = ({ connections, accepted }: Subject): FakeConnection[] =>
  [...connections, ...accepted].filter(({ closed }) => !closed)
/** One of those that are open. */
const some = (subject: Subject, number: number): FakeConnection | undefined => {
  const open = openOnes(subject)
  return open[number % open.length]
}

const goodOpen = encodeOpenBytes()
const keepalive = message('001304')

const open = fc
  .record({
    myAS: fc.constantFrom(64512, 64500, 0, 23456),
    holdTime: fc.constantFrom(0, 1, 3, 90, 65535),
    routerId: fc.constantFrom('10.0.0.1', '10.0.0.2', '10.0.0.3', '0.0.0.0'),
    restarts: fc.boolean(),
  })
  .map(({ restarts, ...rest }) =>
    encodeOpenBytes({
      ...rest,
      capabilities: [
        { kind: 'multiprotocol', afi: 1, safi: 1 },
        ...(restarts
          ? [
              {
                kind: 'gracefulRestart' as const,
                restarting: true,
                notification: true,
                restartTime: 9,
                families: [{ afi: 1, safi: 1, forwarding: true }],
              },
            ]
          : []),
      ],
    }),
  )

/** A message of any type with anything in it. */
const framed = fc.tuple(fc.nat(6), fc.uint8Array({ maxLength: 100 })).map(([type, body]) => {
  const bytes = Buffer.concat([message('000000'), body])
  bytes.writeUInt16BE(bytes.length, 16)
  bytes[18] = type
  return bytes
})

const octets = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.constantFrom(goodOpen, keepalive, message('00170200000000'), message('00170500010001')),
  },
  { weight: 3, arbitrary: open },
  { weight: 2, arbitrary: framed },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 40 }) },
)

const setting = fc.constantFrom<Partial<PeerConfig>[]>(
  { holdTime: 0 },
  { holdTime: 3000 },
  { keepaliveTime: 60_000 },
  { connectRetryTime: 1 },
  { localAS: 4_200_000_000 },
  { localAS: 64512 },
  { peerAS: undefined, asType: 'internal' },
  { role: 'provider', strictRole: true },
  { gracefulRestart: { restartTime: 9_000_000, forwardingPreserved: true } },
  { listen: false },
  { listen: true },
  { families: [] },
  { families: ['ipv6-unicast'], extendedNextHop: true },
  { hostname: 'é'.repeat(300) },
  { requiredCapabilities: ['ipv6-unicast', 'graceful-restart'] },
  { nextHops: { 6: parseAddress('2001:db8::1') } },
  { address: parseAddress('2001:db8::2') },
)

type Command = (subject: Subject) => void
const plain: Command[] = [
  ({ session }) => session.start(),
  ({ session }) => void session.stop({ subcode: 2, text: 'bye' }),
  ({ session }) => void session.stop({ subcode: 4, text: '', hard: true }),
  ({ session }) => void session.abandon(),
  ({ session }) => session.bfdDown('the path failed'),
  ({ session }) => session.bfdUp(),
  ({ session }) => session.gracefulShutdown(true),
  ({ session }) => session.endOfRib(false),
  ({ session, accepted }) => {
    const connection = incomingConnection()
    accepted.push(connection)
    session.accept(connection)
  },
]

const command: fc.Arbitrary<Command> = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.tuple(octets, fc.nat(1)).map(
      ([bytes, number]): Command =>
        (one) =>
          some(one, number)?.receive(bytes),
    ),
  },
  {
    weight: 6,
    arbitrary: fc.nat(1).map((number): Command => (one) => {
      const connection = some(one, number)
      if (connection?.localAddress === undefined) connection?.opened('192.0.2.2', '192.0.2.1')
    }),
  },
  {
    weight: 2,
    arbitrary: fc.nat(1).map((number): Command => (one) => {
      const connection = some(one, number)
      connection?.ended({ code: 'ECONNRESET', message: '' })
      // Nothing more can come of it, whether or not it was closed at our end.
      if (connection !== undefined) connection.closed = true
    }),
  },
  {
    weight: 6,
    arbitrary: fc.constantFrom(0, 20, 5000, 90_000, 300_000).map(
      (ms): Command =>
        ({ clock }) =>
          clock.advance(ms),
    ),
  },
  {
    weight: 3,
    arbitrary: fc.tuple(fc.nat(1), fc.boolean()).map(([number, takes]): Command => (one) => {
      const connection = some(one, number)
      if (takes) connection?.drained()
      else if (connection !== undefined) connection.accepts = false
    }),
  },
  {
    weight: 3,
    arbitrary: setting.map((change): Command => (one) => {
      one.config = { ...one.config, ...change }
      one.session.updateConfig(one.config)
    }),
  },
  {
    weight: 2,
    arbitrary: fc.nat(1200).map((count): Command => ({ session }) => {
      const communities = Array.from({ length: count }, (_, index) => {
        return { kind: 'standard' as const, value: [64500, index] as const }
      })
      session.put({ prefix: parsePrefix('10.0.0.1/32'), communities })
    }),
  },
  { weight: 8, arbitrary: fc.constantFrom(...plain) },
)

test('whatever a peer sends and a person does: no exception, no third connection, no end without a way on, nothing left behind', () => {
  fc.assert(
    fc.property(fc.array(command, { minLength: 5, maxLength: 50 }), (commands) => {
      const subject: Subject = {
        ...startSession({ listen: true }),
        config: { ...testConfig, listen: true },
        accepted: [],
      }
      const { session, clock } = subject
      const lines: string[] = []
      session.record((line) => lines.push(line))
      let running = true
      for (const run of commands) {
        run(subject)
        if (run === plain[0]) running = true
        else if (plain.indexOf(run) > 0 && plain.indexOf(run) < 4) running = false
        const { state } = session.status()
        expect(session.messages().length).toBeLessThanOrEqual(100)
        expect([...session.routes()].length).toBeLessThanOrEqual(1)
        const count = openOnes(subject).length
        expect(count).toBeLessThanOrEqual(state === 'Idle' ? 0 : state === 'Active' ? 1 : 2)
        if (state === 'OpenSent' || state === 'Established') expect(count).toBeGreaterThan(0)
        // Without a hold time the end of a connection is all that a session waits for.
        if (running && state !== 'Established' && state !== 'OpenConfirm')
          expect(clock.pending).toBeGreaterThan(0)
      }
      // The first line is the state; some commands are no input.
      const steps = lines.length > 1 ? replay(lines) : []
      for (const { actions, recorded } of steps) expect(actions).toEqual(recorded)
      void session.stop({ subcode: 2, text: '' })
      expect(clock.pending).toBe(0)
      expect(openOnes(subject)).toEqual([])
    }),
    { numRuns: 60 },
  )
})
