import { ServiceStatusApi } from '../test-api.ts'
import { serviceCasesSuite } from './api-suite.ts'

serviceCasesSuite(
  'the fake API server',
  async (clock) => ({ api: new ServiceStatusApi({ clock }), close: async () => {} }),
  { clusterIPs: true },
)
