import { createSocket } from 'node:dgram'
import { connect, createServer } from 'node:net'
import { createInterface } from 'node:readline'

/**
 * For kernel tests: runs in a namespace as `node traffic-agent.ts <name>`, answers every connection and datagram on
 * port 8080 with its name and the address that it sees, and makes connections as told on standard input.
 *
 *     {"id":1,"protocol":"tcp","host":"10.96.0.1","port":80,"count":10,"limit":5000}
 *     {"id":1,"results":["pod-a 10.1.3.2", …]}
 */
export interface TrafficRequest {
  readonly id: number
  readonly protocol: 'tcp' | 'udp'
  readonly host: string
  readonly port: number
  readonly count: number
  /** milliseconds until a connection without an answer is given up */
  readonly limit: number
}

/** Each result is what the server said, or an error code, or `timeout`. */
export interface TrafficResponse {
  readonly id: number
  readonly results: readonly string[]
}

const PORT = 8080

const plain = (address = ''): string => address.replace(/^::ffff:/, '')

function tcp(host: string, port: number, limit: number): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({ host, port })
    let said = ''
    socket.setTimeout(limit, () => {
      resolve('timeout')
      socket.destroy()
    })
    socket.on('data', (chunk) => (said += String(chunk)))
    socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
    socket.on('close', () => resolve(said))
  })
}

function udp(host: string, port: number, limit: number): Promise<string> {
  return new Promise((resolve) => {
    const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4')
    const done = (result: string) => {
      clearTimeout(timer)
      resolve(result)
      socket.close()
    }
    const timer = setTimeout(() => done('timeout'), limit)
    socket.on('error', (error: NodeJS.ErrnoException) => done(error.code ?? error.message))
    socket.on('message', (message) => done(String(message)))
    // Connected, so that an ICMP answer is reported.
    socket.connect(port, host, (error?: NodeJS.ErrnoException) => {
      if (error) done(error.code ?? error.message)
      else socket.send('?')
    })
  })
}

function serve(name: string): void {
  createServer((socket) => {
    socket.on('error', () => {})
    socket.end(`${name} ${plain(socket.remoteAddress)}`)
  }).listen(PORT, '::', () => console.log('{}'))
  const echo = createSocket({ type: 'udp6' })
  echo.on('message', (_, from) => echo.send(`${name} ${plain(from.address)}`, from.port, from.address))
  echo.bind(PORT, '::')
}

if (process.argv[1] === import.meta.filename) {
  serve(process.argv[2])
  createInterface({ input: process.stdin }).on('line', (line) => {
    const { id, protocol, host, port, count, limit } = JSON.parse(line) as TrafficRequest
    const one = protocol === 'tcp' ? tcp : udp
    void Promise.all(Array.from({ length: count }, () => one(host, port, limit))).then((results) => {
      console.log(JSON.stringify({ id, results } satisfies TrafficResponse))
    })
  })
}
