import { kubeApiSuite } from '#kube/conformance-suite.ts'
import { KubeClient } from '#kube/client.ts'
import { makeServer } from './test-server.ts'

kubeApiSuite('the lab, in process', async () => {
  const server = makeServer()
  return { api: server.local(), namespace: 'default', close: () => server.close() }
})

kubeApiSuite('the lab, over TLS', async () => {
  const server = makeServer()
  const { port } = await server.listen({ host: '127.0.0.1', port: 0 })
  const client = new KubeClient({
    server: `https://127.0.0.1:${port}`,
    userAgent: 'suite',
    credentials: {
      headers: () => Promise.resolve({ authorization: 'Bearer admin' }),
      tls: () => Promise.resolve({ ca: server.ca }),
      forget: () => false,
    },
  })
  return {
    api: client,
    namespace: 'default',
    close: async () => {
      await client.close()
      await server.close()
    },
  }
})
