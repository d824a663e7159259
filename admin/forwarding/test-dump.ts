import { service, slice } from '#speaker/forwarding/fixtures.ts'
import type { DumpedGroup } from './dump.ts'
import type { DumpSource, DumpQuery } from './dump-source.ts'
import { TestForwarder } from './test-forwarder.ts'

/** For tests: a forwarder that runs, with a Service of each family. */
export async function dumpedWorld(): Promise<TestForwarder> {
  const world = new TestForwarder()
  world.put(
    service('web', { ingress: [{ ip: '1.2.3.4' }], ports: [{ port: 80, nodePort: 30080 }] }),
    slice('web', [{ address: '10.180.0.9', node: 'node-1' }, '10.180.1.9']),
  )
  world.put(service('six', { clusterIPs: ['fd00:172:30::41'] }), slice('six', ['fd00:10:0:180::9']))
  await world.start()
  return world
}

/** For tests: a whole dump at once. */
export async function readDump(source: DumpSource, query: Partial<DumpQuery> = {}) {
  const { head, items, close } = await source.dump({ limit: 100, ...query })
  const groups = [...items].map((item) => ({ ...item.head, elements: [...item.elements] }))
  close()
  return { head, groups: groups as unknown as DumpedGroup[] }
}
