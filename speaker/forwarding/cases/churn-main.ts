import { systemClock } from '#kube/clock.ts'
import { silentLogger } from '#kube/logger.ts'
import { Forwarder } from '../forwarder.ts'
import { KernelDataplane } from '../nft/kernel-dataplane.ts'
import { Churn, churnScene } from './churn.ts'
import { configOf, nodeOf } from './cluster.ts'

/**
 * A speaker's forwarding that programs one change after another in its own network namespace, to be killed while it
 * does: `node churn-main.ts <services> <seed>`. Prints the number of the change that it begins with.
 */

const [count, seed] = process.argv.slice(2).map(Number)
const churn = new Churn(count, 'everything', seed)
const forwarder = new Forwarder({
  dataplane: new KernelDataplane(),
  clock: systemClock,
  config: configOf(churnScene),
  log: silentLogger,
})
forwarder.start()
forwarder.setNode(nodeOf(churnScene))
for (const { key, service, slices } of churn.initial()) forwarder.setService(key, service, slices)
forwarder.allListed()
await forwarder.sync()
for (let step = 1; ; step++) {
  console.log(step)
  const { key, service, slices } = churn.next()
  forwarder.setService(key, service, slices)
  await forwarder.sync()
  const { lastError } = forwarder.view()
  if (lastError) throw new Error(lastError.text)
}
