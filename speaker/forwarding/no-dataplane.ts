import type { Dataplane } from './dataplane.ts'
import { emptyElements } from './model.ts'

/** For `--forwarding off`: there is nothing, and nothing is ever asked of it. */
export const noDataplane: Dataplane = {
  adopt: async () => emptyElements(),
  apply: async () => {},
  watch: () => ({ close: () => {} }),
  foreign: async () => '',
  remove: async () => [],
  close: () => {},
}
