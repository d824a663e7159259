import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { expect, test } from 'vitest'
import { silentLogger } from '#kube/logger.ts'
import { ReviewServer } from './server.ts'

test('a connection that never ends its handshake does not hold a stop up', async () => {
  const server = new ReviewServer({
    host: '127.0.0.1',
    port: 0,
    log: silentLogger,
    handlers: new Map(),
    stopTimeout: 20,
  })
  await server.start()
  const silent: Socket = connect(server.port, '127.0.0.1')
  await once(silent, 'connect')
  const closed = once(silent, 'close')
  await server.stop()
  await closed
  expect(silent.destroyed).toBe(true)
})
