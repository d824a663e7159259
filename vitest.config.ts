import { availableParallelism } from 'node:os'
import { defineConfig } from 'vitest/config'

/** Unit tests stand beside their source; tests that need a kernel or a cluster say so in their file name. */
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: ['**/*.test.ts'],
          exclude: [
            '**/*.kernel.test.ts',
            '**/*.cluster.test.ts',
            '**/*.kubernetes.test.ts',
            'node_modules/**',
          ],
          // One process a core for all files: a third of the time of one process a file.
          pool: 'forks',
          isolate: false,
          maxWorkers: availableParallelism(),
          // A guard against tests that hang, not a measure of their speed: machines are shared.
          testTimeout: 30_000,
        },
      },
      {
        test: {
          name: 'kernel',
          include: ['**/*.kernel.test.ts'],
          exclude: ['node_modules/**'],
          pool: 'forks',
          // V8 frees optimized WebAssembly wrappers of one thread under another, and the process dies of it (seen
          // once in hundreds of runs). Each wire thread strips types by WebAssembly; this keeps wrappers as they are.
          execArgv: ['--wasm-wrapper-tiering-budget=1000000000'],
          fileParallelism: false,
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      {
        test: {
          name: 'cluster',
          include: ['**/*.cluster.test.ts'],
          exclude: ['node_modules/**'],
          pool: 'forks',
          fileParallelism: false,
          // Guards against hanging, as above.
          testTimeout: 180_000,
          hookTimeout: 300_000,
        },
      },
      {
        test: {
          name: 'kubernetes',
          include: ['**/*.kubernetes.test.ts'],
          exclude: ['node_modules/**'],
          // Each file has a control plane of its own, and much of its time is waiting.
          pool: 'forks',
          maxWorkers: 3,
          testTimeout: 60_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
})
