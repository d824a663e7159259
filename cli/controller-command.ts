import { hostname } from 'node:os'
import { controllerSource } from '#admin/controller-source.ts'
import { startController } from '#controller/main.ts'
import { systemClock } from '#kube/clock.ts'
import { connect } from '#kube/connect.ts'
import { portNumber, required, type ProcessOptions } from './options.ts'
import { createLogger, runProcess } from './process.ts'
import { version } from './version.ts'

interface ControllerCommandOptions extends ProcessOptions {
  readonly identity?: string
  readonly leaderElect: boolean
  readonly webhook: boolean
  readonly webhookPort: string
}

/** `fairlead controller`: runs until SIGTERM. */
export async function controllerCommand(options: ControllerCommandOptions): Promise<void> {
  const namespace = required(options.namespace, '--namespace', 'METALLB_NAMESPACE')
  const log = createLogger(options, 'controller')
  const api = await connect({
    userAgent: `fairlead-controller/${version}`,
    ...(options.kubeconfig === undefined ? {} : { kubeconfig: options.kubeconfig }),
  })
  const running = await startController({
    api,
    clock: systemClock,
    log,
    namespace,
    identity: options.identity ?? `${hostname()}-${process.pid}`,
    loadBalancerClass: options.lbClass,
    leaderElect: options.leaderElect,
    ...(options.webhook ? { webhook: { port: portNumber(options.webhookPort, '--webhook-port') } } : {}),
  })
  const source = controllerSource({ view: () => running.view(), api, namespace })
  await runProcess(running, options, { source, api, log })
}
