import { request } from 'node:http'
import { join } from 'node:path'
import { controllerFlags, speakerFlags } from '#cli/node-flags.ts'
import { PRODUCT_NAMESPACE } from './info.ts'
import { ManagedProcess } from './managed-process.ts'
import { CLUSTER_CIDRS, type NodeHost } from './network/addressing.ts'
import { namespacePath } from './network/build.ts'
import type { LabOptions } from './options.ts'
import { programEnvironment, programPath } from './program.ts'
import { adminSocket, type LabFiles } from './state-directory.ts'

/** Arguments of one of the two product processes, as its Pod would be started. */
const command = (...args: string[]): [string, ...string[]] => [
  process.execPath,
  // It would start anew to have them; here it has them from the start.
  ...(args[0] === 'speaker' ? speakerFlags : controllerFlags),
  programPath,
  ...args,
  '--namespace',
  PRODUCT_NAMESPACE,
]

/** A replica of the controller runs beside the API server, where the LAN's switch is. */
export function controllerProcess(files: LabFiles, kubeconfig: string, name: string): ManagedProcess {
  const socket = adminSocket(files, name)
  return new ManagedProcess({
    command: command('controller', '--kubeconfig', kubeconfig, '--admin-socket', socket),
    log: join(files.logs, `${name}.log`),
    env: { ...programEnvironment, METALLB_POD_NAME: name },
  })
}

/** What the chart grants a speaker that does not forward; one that does is privileged. */
export const speakerCapabilities = ['NET_RAW', 'NET_ADMIN', 'NET_BIND_SERVICE', 'SYS_NICE'] as const

/** Runs a program with these capabilities and no others, as a container would. */
const withOnly = (capabilities: readonly string[]): string[] => [
  'setpriv',
  `--bounding-set=${['-all', ...capabilities.map((one) => `+${one.toLowerCase()}`)].join()}`,
  '--inh-caps=-all',
]

/** A speaker runs in its node's network namespace, as on the host network of a real node. */
export function speakerProcess(
  files: LabFiles,
  kubeconfig: string,
  node: NodeHost,
  { forwarding, families, speakerOptions }: Pick<LabOptions, 'forwarding' | 'families' | 'speakerOptions'>,
): ManagedProcess {
  const socket = adminSocket(files, node.name)
  const clusterCidrs = families.map((family) => CLUSTER_CIDRS[family]).join(',')
  const speaker = command(
    'speaker',
    '--kubeconfig',
    kubeconfig,
    '--node-name',
    node.name,
    '--forwarding',
    forwarding,
    '--cluster-cidr',
    clusterCidrs,
    ...speakerOptions,
  )
  return new ManagedProcess({
    command: [
      'nsenter',
      `--net=${namespacePath(node.name)}`,
      ...(forwarding === 'full' ? [] : withOnly(speakerCapabilities)),
      ...speaker,
      '--admin-socket',
      socket,
    ],
    log: join(files.logs, `speaker-${node.name}.log`),
    env: { ...programEnvironment, METALLB_POD_NAME: `speaker-${node.name}` },
  })
}

/** '' when the process behind the admin socket says that it is ready, else why not. */
export function readiness(socket: string): Promise<string> {
  return new Promise((resolve) => {
    const asking = request({ socketPath: socket, path: '/readyz', timeout: 1000 }, (response) => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (part: string) => (text += part))
      response.on('end', () => resolve(response.statusCode === 200 ? '' : text.trim() || 'not ready'))
    })
    asking.on('timeout', () => asking.destroy(new Error('no answer on its admin socket')))
    asking.on('error', (error: NodeJS.ErrnoException) =>
      resolve(error.code === 'ENOENT' || error.code === 'ECONNREFUSED' ? 'not running' : error.message),
    )
    asking.end()
  })
}
