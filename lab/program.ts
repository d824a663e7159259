import { tmpdir, userInfo } from 'node:os'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

/**
 * The program of the two product processes: the sources, or what FAIRLEAD_MAIN names (`dist/cli/main.js` after
 * `npm run build`), so that the lab and the benchmarks can run what an image would.
 */
export const programPath: string = resolve(
  process.env.FAIRLEAD_MAIN ?? fileURLToPath(new URL('../cli/main.ts', import.meta.url)),
)

/**
 * What keeps the processes small, as in the chart: a nursery that fits many small objects, and memory of large answers
 * given back. And for the sources compiled code with types already stripped, kept between runs; an image needs none.
 */
export const programEnvironment = {
  NODE_OPTIONS: '--max-semi-space-size=2',
  MALLOC_TRIM_THRESHOLD_: '131072',
  NODE_COMPILE_CACHE: join(tmpdir(), `fairlead-compile-cache-${userInfo().uid}`),
} as const
