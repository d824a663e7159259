import { SystemError } from '#raw-socket/errors.ts'
import { ForwardingError } from '../errors.ts'
import type { Operation } from '../model.ts'

/**
 * A transaction is one datagram, at most 64 MiB; only a first load of more than this many elements is split. Its parts
 * are in the order of the operations, so endpoints are there before the frontends that lead to them.
 */
const TRANSACTION_LIMIT = 250_000

export function* transactions(operations: readonly Operation[]): Generator<readonly Operation[]> {
  for (let at = 0; at < operations.length; at += TRANSACTION_LIMIT) {
    yield operations.slice(at, at + TRANSACTION_LIMIT)
  }
}

/** What the kernel said, in the words of a data plane. */
export function translate(error: unknown): unknown {
  if (!(error instanceof SystemError)) return error
  const code =
    error.errnoName === 'EEXIST'
      ? 'FL_FORWARDING_EXISTS'
      : error.errnoName === 'ENOENT'
        ? 'FL_FORWARDING_MISSING'
        : 'FL_FORWARDING_KERNEL'
  return new ForwardingError(code, error.message, { cause: error })
}
