/** Runs in the namespace of the pods: answers every connection with the address that it was made to. */
import { createServer } from 'node:net'
import { POD_PORT } from './objects.ts'

const server = createServer((socket) => {
  // Clients end with a reset.
  socket.on('error', () => undefined)
  socket.write(socket.localAddress?.replace(/^::ffff:/, '') ?? '')
})
server.listen({ port: POD_PORT, host: '::', backlog: 4096 }, () => process.send?.('ready'))
process.on('disconnect', () => process.exit(0))
