import { kubeApiSuite } from '#kube/conformance-suite.ts'
import { startTestCluster } from './test-cluster.ts'

kubeApiSuite('a real kube-apiserver', async () => {
  const cluster = await startTestCluster()
  return { api: cluster.admin, namespace: 'default', close: () => cluster.stop() }
})
