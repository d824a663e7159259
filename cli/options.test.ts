import { expect, test } from 'vitest'
import { hostPort, oneOf, portNumber, prefixes, required } from './options.ts'

test('host and port of both families', () => {
  expect(hostPort('127.0.0.1:7473', '--admin-address')).toEqual({ host: '127.0.0.1', port: 7473 })
  expect(hostPort('[::1]:7473', '--admin-address')).toEqual({ host: '::1', port: 7473 })
})

test.each([
  [() => hostPort('7473', '--admin-address'), '--admin-address 7473: it must be HOST:PORT'],
  [() => hostPort('::1:7473', '--admin-address'), 'it must be HOST:PORT'],
  [() => portNumber('99999', '--port'), '--port 99999: a port is a number'],
  [() => portNumber('80a', '--port'), 'a port is a number'],
  [() => oneOf('maybe', ['full', 'off'], '--forwarding'), '--forwarding maybe: it must be full or off'],
  [
    () => prefixes(['10.0.0.0/8', '10.0.0.1'], '--cluster-cidr'),
    '--cluster-cidr: 10.0.0.1 is not a CIDR prefix',
  ],
  [
    () => required(undefined, '--node-name', 'METALLB_NODE_NAME'),
    '--node-name is needed (or METALLB_NODE_NAME',
  ],
])('%#: what is wrong is said with the option’s name', (call, message) => {
  expect(call).toThrow(message)
})
