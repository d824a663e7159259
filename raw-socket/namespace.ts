import { closeSync, openSync } from 'node:fs'
import { SystemError } from './errors.ts'
import { newNetworkNamespace, setNetworkNamespace } from './libc.ts'

/**
 * Runs a function with the calling thread in another network namespace, and comes back.
 *
 * What is opened inside stays in that namespace for good: sockets of this room (packet, netlink, TCP, UDP), which
 * then work from anywhere, and child processes spawned inside, which begin there. What is opened later is not:
 * a `net.Server`, `fetch` or `dgram.Socket` made inside may open its socket in a later turn, so open a descriptor
 * with `openTcpListener` or `openUdpDescriptor` inside and hand it to `listen({ fd })` or `bind({ fd })`.
 *
 * It is synchronous because a namespace belongs to a thread, and the thread does other things while something is
 * awaited. Any thread may call it, and only that thread moves: file reads and name look-ups of libuv's pool
 * threads stay where they are.
 *
 * @param path of the namespace, such as /run/netns/blue or /proc/123/ns/net
 * @throws SystemError FL_SYS_ERRNO, EPERM without CAP_SYS_ADMIN; FL_SYS_ARGUMENT when `run` returns a promise;
 *   what `openSync` throws when there is no such file; and whatever `run` throws
 */
export function inNetworkNamespace<T>(path: string, run: () => T): T {
  return away(() => {
    const there = openSync(path, 'r')
    try {
      setNetworkNamespace(there)
    } finally {
      closeSync(there)
    }
  }, run)
}

/**
 * As `inNetworkNamespace`, in a namespace that is new and empty. It is gone when the last socket or process that the
 * function opened in it is.
 * @throws SystemError FL_SYS_ERRNO, EPERM without CAP_SYS_ADMIN; FL_SYS_ARGUMENT when `run` returns a promise; and
 *   whatever `run` throws
 */
export const inNewNetworkNamespace = <T>(run: () => T): T => away(newNetworkNamespace, run)

function away<T>(leave: () => void, run: () => T): T {
  // /proc/self would be the main thread, also in a worker.
  const home = openSync('/proc/thread-self/ns/net', 'r')
  try {
    leave()
    try {
      const result = run()
      if (isThenable(result)) {
        throw new SystemError('FL_SYS_ARGUMENT', 'in a namespace the function must not be asynchronous')
      }
      return result
    } finally {
      goHome(home)
    }
  } finally {
    closeSync(home)
  }
}

/** A process whose thread is in the wrong namespace would change the wrong network, so it ends instead. */
function goHome(home: number): void {
  try {
    setNetworkNamespace(home)
  } catch (error) {
    console.error('cannot return to the network namespace of this process:', error)
    // process.abort() does not exist in worker threads.
    process.kill(process.pid, 'SIGABRT')
  }
}

const isThenable = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function'
