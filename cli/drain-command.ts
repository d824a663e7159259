import { parseDuration } from '#crds/parse/duration.ts'
import type { KubeApi, KubeObject } from '#kube/api.ts'
import { sleep, systemClock, type Clock } from '#kube/clock.ts'
import { connect } from '#kube/connect.ts'
import { isKubeError } from '#kube/errors.ts'
import { DRAIN_LABEL } from '#kube/objects/node.ts'
import type { Condition } from '#kube/objects/service.ts'
import { resources } from '#kube/resources.ts'
import { CliError } from './errors.ts'
import { version } from './version.ts'

interface DrainOptions {
  readonly kubeconfig?: string
  readonly undo: boolean
  readonly wait: boolean
  readonly timeout: string
}

/** `fairlead drain`: as `kubectl label node NODE fairlead.io/drain=true`, and waits until the speaker says that it is done. */
export async function drainCommand(node: string, options: DrainOptions): Promise<void> {
  const timeoutMs = parseDuration(options.timeout)
  if (timeoutMs === undefined || timeoutMs <= 0)
    throw new CliError('FL_CLI_OPTION', `--timeout ${options.timeout}: it must be a duration such as 2m`)
  const api = await connect({
    userAgent: `fairlead-drain/${version}`,
    ...(options.kubeconfig === undefined ? {} : { kubeconfig: options.kubeconfig }),
  })
  const { undo, wait } = options
  await drainNode(node, { api, clock: systemClock, undo, ...(wait ? { timeoutMs } : {}), say: console.log })
}

const POLL_MS = 500

/**
 * Puts the label on a Node, or takes it off.
 * @param options `timeoutMs`: wait so long for the speaker to follow; absent: do not wait
 * @throws CliError FL_CLI_DRAIN when there is no such Node, or the speaker does not follow in time
 */
export async function drainNode(
  node: string,
  options: {
    readonly api: KubeApi
    readonly clock: Clock
    readonly undo: boolean
    readonly timeoutMs?: number
    readonly say: (line: string) => void
  },
): Promise<void> {
  const { api, clock, undo, timeoutMs, say } = options
  try {
    const labels = { [DRAIN_LABEL]: undo ? null : 'true' }
    await api.patch(resources.nodes, { name: node }, { metadata: { labels } }, { type: 'merge' })
  } catch (error) {
    if (isKubeError(error, 'FL_KUBE_NOT_FOUND'))
      throw new CliError('FL_CLI_DRAIN', `there is no Node ${node}`, { cause: error })
    throw error
  }
  say(undo ? `${node} may take addresses again` : `${node} gives its addresses away`)
  if (timeoutMs === undefined) return
  const end = clock.now() + timeoutMs
  let told = ''
  for (;;) {
    const drained = await drainedCondition(api, node)
    if (drained === undefined)
      throw new CliError('FL_CLI_DRAIN', `${node} runs no speaker that says how it is`)
    const { status, reason, message } = drained
    if (undo ? reason === 'NotDraining' : status === 'True') break
    if (!undo && message !== told && message !== '') say(`${node}: ${message}`)
    told = message
    // A node may drain for another reason than the label, which then stands in the message.
    if (clock.now() >= end)
      throw new CliError('FL_CLI_DRAIN', `${node} did not follow in time: ${message || reason}`)
    await sleep(clock, POLL_MS)
  }
  say(undo ? `${node} is back` : `${node} is drained`)
}

async function drainedCondition(api: KubeApi, node: string): Promise<Condition | undefined> {
  try {
    const object = await api.get(resources.speakerStatuses, { name: node })
    const { status } = object as KubeObject & { status?: { conditions?: readonly Condition[] } }
    return status?.conditions?.find(({ type }) => type === 'Drained')
  } catch (error) {
    if (isKubeError(error, 'FL_KUBE_NOT_FOUND')) return undefined
    throw error
  }
}
