import type { EndpointSlice } from '#kube/objects/endpoint-slice.ts'
import type { Service } from '#kube/objects/service.ts'
import { silentLogger } from '#kube/logger.ts'
import { TestClock } from '#kube/test-clock.ts'
import type { ForwardingConfig } from '#speaker/forwarding/config.ts'
import { FakeDataplane } from '#speaker/forwarding/fake-dataplane.ts'
import { testConfig, testNode } from '#speaker/forwarding/fixtures.ts'
import { Forwarder } from '#speaker/forwarding/forwarder.ts'

/** For tests: a forwarder over a data plane in memory, to be looked into. */
export class TestForwarder {
  readonly plane = new FakeDataplane()
  readonly clock = new TestClock()
  readonly forwarder: Forwarder
  readonly services: Service[] = []

  constructor(config: Partial<ForwardingConfig> = {}) {
    this.forwarder = new Forwarder({
      dataplane: this.plane,
      clock: this.clock,
      config: { ...testConfig, ...config },
      log: silentLogger,
    })
  }

  put(service: Service, ...slices: EndpointSlice[]): void {
    this.services.push(service)
    this.forwarder.setService(`${service.namespace}/${service.name}`, service, slices)
  }

  /** Everything that was put is programmed, when nothing is in the way. */
  async start(): Promise<void> {
    this.forwarder.start()
    this.forwarder.setNode(testNode)
    this.forwarder.allListed()
    await this.clock.advance(0)
  }
}
