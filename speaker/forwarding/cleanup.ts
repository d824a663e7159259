import type { Dataplane } from './dataplane.ts'
import { KernelDataplane } from './nft/kernel-dataplane.ts'

/**
 * Takes everything that forwarding put into this network namespace away; for `fairlead forwarding cleanup`, after the
 * speaker is gone. Connections that exist go on until they end. Gives what was removed, in words.
 * @throws ForwardingError FL_FORWARDING_KERNEL, FL_FORWARDING_INSTALL; SystemError without the right to
 */
export async function cleanup(dataplane: Dataplane = new KernelDataplane()): Promise<readonly string[]> {
  try {
    return await dataplane.remove()
  } finally {
    dataplane.close()
  }
}
