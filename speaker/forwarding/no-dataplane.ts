import type { Dataplane } from './dataplane.ts'
import { emptyElements } from './model.ts'

/** For `--forwarding off`: there is nothing, and nothing is ever asked of it. */
export const noDataplane: Dataplane = {
  adopt: async () => emptyElements(),
  list: async () => emptyElements(),
  apply: async () => {},
  watch: () => ({ close: () => {} }),
  counters: async () => ({ escapes: 0, returned: 0 }),
  installed: async () => false,
  foreign: async () => '',
  remove: async () => [],
  close: () => {},
}
