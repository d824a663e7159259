/**
 * The API server that the controller is measured against: a real one where its programs are there or can be built,
 * else the lab's, in a process of its own. Run as a program it is that process: `node server.ts <port> <kubeconfig>`.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { networkInterfaces } from 'node:os'
import { join } from 'node:path'
import { ApiServer } from '../../lab/api/server.ts'
import { startKubernetes } from '../../test/kubernetes/cluster.ts'
import { KubernetesError } from '../../test/kubernetes/errors.ts'
import { buildPrograms } from '../../test/kubernetes/programs.ts'

export interface Server {
  /** what it is, for the heading of the figures */
  readonly kind: string
  /** The path of a kubeconfig for a user in these groups. */
  kubeconfig(user: string, groups?: readonly string[]): Promise<string>
  stop(): Promise<void>
}

/** Room for tens of thousands of Services. */
const SERVICE_CIDRS = ['10.96.0.0/12', 'fd00:10:96::/112']

/** Starts it; with `lab` the lab's in any case. */
export async function startServer(directory: string, lab: boolean): Promise<Server> {
  const missing = lab ? 'the lab was asked for' : await whyNoPrograms()
  return missing === '' ? startReal(join(directory, 'kubernetes')) : startLab(directory, missing)
}

async function whyNoPrograms(): Promise<string> {
  try {
    await buildPrograms(['etcd', 'kube-apiserver'], (name) => console.error(`building ${name} …`))
    return ''
  } catch (error) {
    if (error instanceof KubernetesError) return error.message
    throw error
  }
}

async function startReal(directory: string): Promise<Server> {
  const own = Object.values(networkInterfaces()).flatMap((list) => list ?? [])
  const address = own.find(({ internal, family }) => !internal && family === 'IPv4')?.address ?? '127.0.0.1'
  const kubernetes = await startKubernetes({
    address,
    port: await freePort(),
    directory,
    serviceCIDRs: SERVICE_CIDRS,
  })
  return { ...kubernetes, kind: 'kube-apiserver and etcd' }
}

async function startLab(directory: string, missing: string): Promise<Server> {
  const kubeconfig = join(directory, 'lab.kubeconfig')
  const args = [import.meta.filename, String(await freePort()), kubeconfig]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  await once(child, 'message')
  return {
    kind: `the lab's API server (${missing})`,
    kubeconfig: () => Promise.resolve(kubeconfig),
    async stop() {
      const ended = once(child, 'exit')
      child.kill()
      await ended
    },
  }
}

async function freePort(): Promise<number> {
  const server = createServer()
  server.listen(0)
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  return port
}

if (process.argv[1] === import.meta.filename) {
  const [, , port, kubeconfig] = process.argv
  process.on('disconnect', () => process.exit(0))
  const token = 'bench'
  const server = new ApiServer({
    serviceCidrs: SERVICE_CIDRS,
    tokens: { [token]: { user: 'bench', groups: ['system:masters'] } },
    historyLimit: 100_000,
    // The first list of 10,000 Services is written at once.
    watchBacklog: 2 ** 30,
  })
  await server.listen({ host: '127.0.0.1', port: Number(port) })
  writeFileSync(kubeconfig, server.kubeconfig(`https://127.0.0.1:${port}`, token), { mode: 0o600 })
  process.send?.('ready')
}
