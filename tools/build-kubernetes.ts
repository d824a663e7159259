/**
 * `node tools/build-kubernetes.ts`: builds what the kubernetes tier runs and prints where it is; at once when it was
 * built before. `npm test` starts it beside the other tiers, so it takes only the time that nobody else wants.
 */
import { constants, setPriority } from 'node:os'
import { buildPrograms } from '../test/kubernetes/programs.ts'
import { testPrograms } from '../test/kubernetes/test-programs.ts'

setPriority(constants.priority.PRIORITY_LOW)
try {
  const paths = await buildPrograms(testPrograms)
  for (const path of Object.values(paths)) console.log(path)
} catch (error) {
  console.error((error as Error).message)
  process.exit(1)
}
