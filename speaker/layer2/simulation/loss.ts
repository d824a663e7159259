import { goodQuality } from './network.ts'
import { livenessFrom } from './world-options.ts'
import { World } from './world.ts'

/**
 * node speaker/layer2/simulation/loss.ts [MINUTES [6x140]]: three nodes with one address on a network that loses frames,
 * all of them well. How often is one taken for dead, by BFD and by suspicion? The tables of decisions 6 (3x300) and 7.
 */
const minutes = Number(process.argv[2] ?? 20)
const liveness = process.argv[3] === undefined ? undefined : livenessFrom(process.argv[3])
const losses = [0.1, 0.2, 0.3, 0.4, 0.5]
/** Milliseconds for the cluster to come up before frames are lost. */
const begin = 4000
/** The timeline keeps what happens in so long. */
const step = 1000
/** Ordered pairs of three nodes. */
const directions = 6

console.log('lost   by BFD, mean of the directions   by suspicion')
for (const loss of losses) {
  const world = new World({ seed: 1, nodes: 3, addresses: ['10.0.1.50'], ...(liveness && { liveness }) })
  world.time.at(begin, () => world.act({ do: 'quality', quality: { ...goodQuality, loss } }))
  world.run(begin)
  let byBfd = 0
  let bySuspicion = 0
  for (let passed = 0; passed < minutes * 60_000; passed += step) {
    const from = world.time.now
    world.run(step)
    for (const line of world.timeline.lines(from)) {
      if (/ sees \S+ dead$/.test(line)) byBfd++
      if (line.includes(' tells: neighborSilent ')) bySuspicion++
    }
  }
  const percent = `${Math.round(loss * 100)} %`
  console.log(`${percent.padEnd(7)}${String(Math.round(byBfd / directions)).padEnd(33)}${bySuspicion}`)
}
