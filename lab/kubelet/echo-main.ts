import { messageOf } from '../errors.ts'
import type { EchoReply, EchoRequest } from './echo-messages.ts'
import { EchoServers } from './echo-server.ts'

/**
 * The process that serves all pods of the lab. It is apart from the supervisor so that heavy load on the pods does
 * not slow the API server down; it has no state that the supervisor could not give it again.
 */
const pods = new Map<string, EchoServers>()

const reply = (message: EchoReply): void => void process.send?.(message)

process.on('message', (request: EchoRequest) => {
  if (request.kind === 'close') {
    pods.get(request.id)?.close()
    pods.delete(request.id)
    reply({ kind: 'closed', id: request.id })
    return
  }
  const { id } = request.pod
  try {
    pods.get(id)?.close()
    pods.set(id, new EchoServers(request.pod))
    reply({ kind: 'opened', id })
  } catch (error) {
    pods.delete(id)
    reply({ kind: 'failed', id, message: messageOf(error) })
  }
})

process.on('disconnect', () => process.exit(0))
