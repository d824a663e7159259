import { createSocket } from 'node:dgram'
import { connect, createServer, isIPv6, type Socket } from 'node:net'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import type { AgentRequest, AgentResponse, LoopReport, Served, Target } from './agent-messages.ts'

/**
 * Runs in a namespace as `node agent.ts <Served as JSON>`: answers every connection and datagram with one line, where
 * it arrived and from whom it came (`here 10.180.0.1:80 192.168.2.2`), and makes connections as told on standard
 * input. Prints `{}` when it serves.
 */

/** Longer than an answer that overtakes nothing needs: packets of one sender arrive in order. */
const GRACE_MS = 30
const LAST_PORT = 65_535
const FIRST_PORT = 1024
const FAILURES_KEPT = 20

const plain = (address = ''): string => address.replace(/^::ffff:/, '')
const at = (address: string, port: number): string =>
  address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`

function attemptTcp({ host, port, from, localPort }: Target, limit: number): Promise<string> {
  return new Promise((resolve) => {
    const local = {
      ...(from === undefined ? {} : { localAddress: from }),
      ...(localPort ? { localPort } : {}),
    }
    const socket = connect({ host, port, ...local })
    let said = ''
    const done = (result: string) => {
      clearTimeout(timer)
      resolve(result)
      // A reset leaves no TIME_WAIT behind, which might refuse a later connection of the same addresses.
      socket.resetAndDestroy()
    }
    const timer = setTimeout(() => done('timeout'), limit)
    socket.on('data', (chunk) => {
      said += String(chunk)
      if (said.endsWith('\n')) done(said.trimEnd())
    })
    socket.on('error', (error: NodeJS.ErrnoException) => done(error.code ?? error.message))
    socket.on('end', () => done('end'))
  })
}

function attemptUdp({ host, port, from, size = 1 }: Target, limit: number): Promise<string> {
  return new Promise((resolve) => {
    const socket = createSocket(isIPv6(host) ? 'udp6' : 'udp4')
    let open = true
    const done = (result: string) => {
      if (!open) return
      open = false
      clearTimeout(timer)
      resolve(result)
      socket.close()
    }
    const timer = setTimeout(() => done('timeout'), limit)
    socket.on('error', (error: NodeJS.ErrnoException) => done(error.code ?? error.message))
    socket.on('message', (message) => {
      done(message.length < size ? `${message.length} octets` : String(message).trimEnd())
    })
    const send = () => {
      // Connected, so that an ICMP answer is reported.
      socket.connect(port, host, (error?: NodeJS.ErrnoException) => {
        if (error) done(error.code ?? error.message)
        else if (open) socket.send(Buffer.alloc(size, '?'))
      })
    }
    if (from === undefined) send()
    else socket.bind({ address: from }, send)
  })
}

const attempt = (target: Target, limit: number): Promise<string> =>
  (target.protocol === 'TCP' ? attemptTcp : attemptUdp)(target, limit)

async function ask(target: Target, count: number, limit: number): Promise<string[]> {
  return Promise.all(Array.from({ length: count }, () => attempt(target, limit)))
}

async function silent(request: Extract<AgentRequest, { do: 'silent' }>): Promise<string[]> {
  const { target, control, count } = request
  const results = Array.from({ length: count }, () => 'silence')
  for (let index = 0; index < count; index++) {
    void attempt(target, 400).then((result) => (results[index] = result === 'timeout' ? 'silence' : result))
  }
  // Sockets of Node send in a later turn of the event loop.
  await delay(1)
  const answer = await attempt({ ...target, ...control }, 5000)
  if (answer !== 'ECONNREFUSED') return [`control: ${answer}`]
  await delay(GRACE_MS)
  return [...results]
}

let held: Socket[] = []

/** Its first line is what `ask` would have got. */
function hold({ host, port, from }: Target): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, ...(from === undefined ? {} : { localAddress: from }) })
    held.push(socket)
    socket.once('data', (chunk) => resolve(String(chunk).trimEnd()))
    socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
  })
}

/** On all of them, for the last time. */
async function talk(): Promise<string[]> {
  const sockets = held
  held = []
  const answers = await Promise.all(sockets.map(echoOf))
  for (const socket of sockets) socket.resetAndDestroy()
  return answers
}

const echoOf = (socket: Socket): Promise<string> =>
  new Promise((resolve) => {
    if (socket.destroyed) return resolve('closed')
    const timer = setTimeout(() => resolve('timeout'), 5000)
    socket.once('data', (chunk) => {
      clearTimeout(timer)
      resolve(String(chunk).trimEnd())
    })
    socket.write('echo\n')
  })

/** Connections without end. */
class Loop {
  readonly #request: Extract<AgentRequest, { do: 'loop' }>
  #running = true
  #connections = 0
  #slow = 0
  #failed = 0
  readonly #failures: string[] = []
  #next = 0
  readonly #done: Promise<unknown>

  constructor(request: Extract<AgentRequest, { do: 'loop' }>) {
    this.#request = request
    this.#done = Promise.all(Array.from({ length: request.concurrency }, () => this.#run()))
  }

  get report(): LoopReport {
    return {
      connections: this.#connections,
      slow: this.#slow,
      failures: this.#failures,
      failed: this.#failed,
    }
  }

  async stop(): Promise<LoopReport> {
    this.#running = false
    await this.#done
    return this.report
  }

  async #run(): Promise<void> {
    const { targets, limit, slow, expect } = this.#request
    while (this.#running) {
      const turn = this.#next++
      const localPort = FIRST_PORT + Math.floor(turn / targets.length)
      if (localPort > LAST_PORT) throw new Error('the loop is out of source ports')
      const { host, port } = targets[turn % targets.length]
      const from = performance.now()
      const result = await attemptTcp({ host, port, protocol: 'TCP', localPort }, limit)
      const took = performance.now() - from
      // The port is taken, by a listener of the kernel's or by a socket that is not ours: no packet was sent.
      if (result === 'EADDRINUSE') continue
      this.#connections++
      if (took > slow) this.#slow++
      if (expect.some((start) => result.startsWith(start))) continue
      this.#failed++
      const line = `${at(host, port)} from port ${localPort}: ${result} after ${took.toFixed(0)} ms`
      if (this.#failures.length < FAILURES_KEPT) this.#failures.push(line)
    }
  }
}

function serve({ place, tcp, udp }: Served): Promise<unknown> {
  const tcpReady = tcp.map(
    (port) =>
      new Promise<void>((resolve) => {
        const server = createServer((socket) => {
          socket.on('error', () => {})
          socket.on('data', (chunk) => socket.write(chunk))
          socket.write(`${place} ${at(plain(socket.localAddress), port)} ${plain(socket.remoteAddress)}\n`)
        })
        server.listen({ port, host: '::', backlog: 4096 }, resolve)
      }),
  )
  const udpReady = udp.map(
    ({ address, port }) =>
      new Promise<void>((resolve) => {
        const socket = createSocket(isIPv6(address) ? 'udp6' : 'udp4')
        socket.on('message', (message, from) => {
          const line = `${place} ${at(address, port)} ${from.address}\n`
          // As long as what came: an answer in fragments to a question in fragments.
          socket.send(line.padEnd(message.length), from.port, from.address)
        })
        socket.bind(port, address, resolve)
      }),
  )
  return Promise.all([...tcpReady, ...udpReady])
}

let loop: Loop | undefined

async function handle(request: AgentRequest): Promise<AgentResponse> {
  switch (request.do) {
    case 'ask':
      return { results: await ask(request.target, request.count, request.limit) }
    case 'silent':
      return { results: await silent(request) }
    case 'hold':
      return { results: [await hold(request.target)] }
    case 'talk':
      return { results: await talk() }
    case 'loop':
      loop = new Loop(request)
      return { report: loop.report }
    case 'progress':
    case 'stop':
      if (loop === undefined) throw new Error('there is no loop')
      return { report: request.do === 'stop' ? await loop.stop() : loop.report }
  }
}

await serve(JSON.parse(process.argv[2]) as Served)
createInterface({ input: process.stdin })
  .on('line', (line) => {
    const { id, ...request } = JSON.parse(line) as AgentRequest & { id: number }
    void handle(request as AgentRequest).then((response) => console.log(JSON.stringify({ id, ...response })))
  })
  .on('close', () => process.exit())
console.log('{}')
