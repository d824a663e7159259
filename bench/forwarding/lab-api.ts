/**
 * The lab's API server in a process of its own, for machines on which a real one cannot be built. Run as a program
 * it is that process: `node lab-api.ts <address> <port> <kubeconfig to write> <service CIDRs…>`.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { ApiServer } from '../../lab/api/server.ts'
import { API_ADDRESS, SERVICE_CIDRS } from './topology.ts'
import type { ControlPlane } from './world.ts'

const PORT = 6443

/** Starts it; everybody may do everything. */
export async function startLabApi(directory: string): Promise<ControlPlane> {
  const kubeconfig = join(directory, 'lab.kubeconfig')
  const args = [fileURLToPath(import.meta.url), API_ADDRESS, String(PORT), kubeconfig, ...SERVICE_CIDRS]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  await once(child, 'message')
  return {
    kubeconfig: () => Promise.resolve(kubeconfig),
    async stop() {
      const ended = once(child, 'exit')
      child.kill()
      await ended
    },
  }
}

async function serve(host: string, port: number, kubeconfig: string, serviceCidrs: string[]): Promise<void> {
  const token = 'bench'
  const server = new ApiServer({
    serviceCidrs,
    names: [host],
    tokens: { [token]: { user: 'bench', groups: ['system:masters'] } },
    historyLimit: 100_000,
    // Initial events are written at once, and 45,000 of them are more than a watcher may leave unread otherwise.
    watchBacklog: 2 ** 30,
  })
  await server.listen({ host, port })
  writeFileSync(kubeconfig, server.kubeconfig(`https://${host}:${port}`, token), { mode: 0o600 })
  process.send?.('ready')
}

if (process.argv[1] === import.meta.filename) {
  const [, , host, port, kubeconfig, ...serviceCidrs] = process.argv
  process.on('disconnect', () => process.exit(0))
  await serve(host, Number(port), kubeconfig, serviceCidrs)
}
