import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

/** Whether this process is in namespaces that `runInOwnNamespaces` made. */
export const inOwnNamespaces = process.env.FAIRLEAD_BENCH_NAMESPACE === '1'

/**
 * Runs a program of a benchmark in namespaces of its own, which end with it and take every process along.
 * @param url `import.meta.url` of the program
 * @throws Error when it does not end with 0
 */
export async function runInOwnNamespaces(url: string, args: readonly string[] = []): Promise<void> {
  const script = 'mount -t tmpfs tmpfs /run && mkdir -p /run/netns && exec "$@"'
  const program = [process.execPath, fileURLToPath(url), ...args]
  const namespaces = ['--net', '--mount', '--pid', '--fork', '--kill-child', '--mount-proc']
  const child = spawn('unshare', [...namespaces, 'sh', '-c', script, 'sh', ...program], {
    stdio: 'inherit',
    env: { ...process.env, FAIRLEAD_BENCH_NAMESPACE: '1', FAIRLEAD_TEST_NAMESPACE: '1' },
  })
  const [code] = (await once(child, 'close')) as [number | null]
  if (code !== 0) throw new Error(`the measurement ended with ${code}`)
}
