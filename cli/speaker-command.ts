import { speakerSource } from '#admin/speaker-source.ts'
import { systemClock } from '#kube/clock.ts'
import { connect } from '#kube/connect.ts'
import { startSpeaker } from '#speaker/main.ts'
import { forwardingConfig, proxyAddresses, type ForwardingOptions } from './forwarding-options.ts'
import { layer2Options, type Layer2Options } from './layer2-options.ts'
import { required, type ProcessOptions } from './options.ts'
import { createLogger, runProcess } from './process.ts'
import { version } from './version.ts'

interface SpeakerCommandOptions extends ProcessOptions, ForwardingOptions, Layer2Options {
  readonly nodeName?: string
  readonly ignoreExcludeLb: boolean
}

/** `fairlead speaker`: runs until SIGTERM, or until its wire thread dies. */
export async function speakerCommand(options: SpeakerCommandOptions): Promise<void> {
  const namespace = required(options.namespace, '--namespace', 'METALLB_NAMESPACE')
  const nodeName = required(options.nodeName, '--node-name', 'METALLB_NODE_NAME')
  const log = createLogger(options, 'speaker')
  const forwarding = forwardingConfig(options)
  const layer2 = layer2Options(options)
  const api = await connect({
    userAgent: `fairlead-speaker/${version}`,
    ...(options.kubeconfig === undefined ? {} : { kubeconfig: options.kubeconfig }),
  })
  const running = startSpeaker({
    api,
    clock: systemClock,
    log,
    namespace,
    nodeName,
    loadBalancerClass: options.lbClass,
    ignoreExcludeLabel: options.ignoreExcludeLb,
    ...layer2,
    forwarding,
    proxyAddresses: proxyAddresses(options),
    onFatal: (error) => {
      log.error({ error: error.stack ?? error.message }, 'the wire thread died, and this process with it')
      process.exit(1)
    },
  })
  const source = speakerSource({
    view: () => running.view(),
    loadBalancerClass: options.lbClass,
  })
  await runProcess(running, options, {
    source,
    api,
    log,
    collection: { giveBack: () => running.giveBackMemory() },
  })
}
