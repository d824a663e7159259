/**
 * Flags of node for the two processes. They count only on the command line.
 *
 * `--liftoff-only`: WebAssembly is compiled by V8's quick compiler alone. The other one takes 10 MB to optimize the
 * HTTP parser that undici brings along, which is a small part of what a request costs.
 *
 * `--heap-growing-percent`: a heap may grow by so much over what is alive before V8 collects; by default it doubles.
 *
 * `--expose-gc`: for kube/idle-collection.ts.
 */
export const controllerFlags = ['--liftoff-only', '--heap-growing-percent=50', '--expose-gc'] as const

/**
 * Those of a process with a wire thread, in addition.
 *
 * `--single-threaded`: V8 does all its work in the threads that need it. Otherwise the wire thread, which runs before
 * all ordinary ones, waits for V8's helper threads, which on a busy node do not run: pauses of 100 to 400 ms were
 * measured, 10 ms without helpers.
 *
 * `--no-turbofan`: the quick one of V8's two optimizing compilers is enough. The other takes 5 MB, and a third of the CPU
 * of a start when it works in the thread that it works for.
 *
 * `--max-semi-space-size`: of the nursery, in MiB, half of what NODE_OPTIONS says, since each thread has one.
 *
 * The last: V8 frees optimized WebAssembly wrappers of one thread under another, and the process dies of it. Types are
 * stripped by WebAssembly in both threads when there is no compiled code yet; this leaves wrappers unoptimized.
 */
export const speakerFlags = [
  ...controllerFlags,
  '--single-threaded',
  '--no-turbofan',
  '--max-semi-space-size=1',
  '--wasm-wrapper-tiering-budget=1000000000',
] as const

/** Starts this process anew in place with the flags that it lacks; returns when it lacks none. */
export function ensureFlags(flags: readonly string[]): void {
  const missing = flags.filter((flag) => !process.execArgv.includes(flag))
  if (missing.length === 0 || process.execve === undefined) return
  const [, ...args] = process.argv
  process.execve(process.execPath, [process.argv0, ...missing, ...process.execArgv, ...args], process.env)
}
