import koffi from 'koffi'

/** Watches one descriptor on the event loop of the thread that opened it. */
export interface Poll {
  /** Ends the watching; call it before the descriptor is closed. A second call does nothing. */
  close(): void
}

type Handle = ReturnType<typeof koffi.node.poll>

/**
 * Handles in use. A handle that nothing refers to is closed by the garbage collector and its events end without
 * any error, so every one is held from here until it is closed.
 */
const live = new Set<Handle>()

/** How many polls are open on this thread; for tests and diagnostics. */
export const openPolls = (): number => live.size

/**
 * Calls `onReadable` on each turn of the event loop in which the descriptor has something to read or an error to
 * report: read until EAGAIN, or stop earlier and be called again. `fd` must be a socket: koffi ends the process
 * when the loop cannot watch it.
 *
 * Three things koffi leaves undone are done here. The handle is kept alive. A socket error (ENOBUFS, ENETDOWN)
 * makes libuv end the watching, so it is started again. And an exception of the callback would vanish together
 * with all further events, so it is thrown again where it becomes an ordinary uncaught exception.
 */
export function pollReadable(fd: number, onReadable: () => void): Poll {
  let handle: Handle | undefined
  // koffi's declaration says that the callback takes only the events; it takes (status, events).
  const callback = (status: unknown): void => {
    if (typeof status === 'number' && status < 0) handle?.start(options, callback)
    try {
      onReadable()
    } catch (error) {
      setImmediate(() => {
        throw error
      })
    }
  }
  handle = koffi.node.poll(fd, options, callback)
  live.add(handle)
  return {
    close: () => {
      if (handle === undefined) return
      live.delete(handle)
      handle.close()
      handle = undefined
    },
  }
}

const options = { readable: true }
