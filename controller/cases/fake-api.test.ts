import { FakeKubeApi } from '#kube/fake-api.ts'
import { serviceCasesSuite } from './api-suite.ts'

serviceCasesSuite(
  'the fake API server',
  async (clock) => ({ api: new FakeKubeApi({ clock }), close: async () => {} }),
  { clusterIPs: true },
)
