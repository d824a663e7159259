import { createServer, request, type IncomingMessage, type Server, type ServerResponse } from 'node:http'

/**
 * The dashboard's door on the host: hands each request to the controller's admin socket, and says so in one line
 * while the controller does not answer.
 */
export function serveDashboard(fd: number, socketPath: string): Server {
  const server = createServer((incoming, outgoing) => forward(socketPath, incoming, outgoing))
  return server.listen({ fd })
}

function forward(socketPath: string, incoming: IncomingMessage, outgoing: ServerResponse): void {
  const { method, url, headers } = incoming
  const onward = request({ socketPath, method, path: url, headers }, (answer) => {
    outgoing.writeHead(answer.statusCode ?? 502, answer.headers)
    answer.pipe(outgoing)
  })
  onward.on('error', () => {
    if (outgoing.headersSent) {
      outgoing.destroy()
      return
    }
    outgoing.writeHead(503, { 'content-type': 'text/plain' })
    outgoing.end('the controller is not running\n')
  })
  outgoing.on('close', () => onward.destroy())
  incoming.pipe(onward)
}
