import type { KeyPair } from './certificates.ts'

/** The text of a kubeconfig for one user of one server; all files by their paths. */
export const kubeconfigText = (
  server: string,
  authority: string,
  { certificate, key }: KeyPair,
): string => `apiVersion: v1
kind: Config
current-context: test
contexts: [{ name: test, context: { cluster: test, user: test } }]
clusters: [{ name: test, cluster: { server: ${JSON.stringify(server)}, certificate-authority: ${JSON.stringify(authority)} } }]
users:
  - name: test
    user: { client-certificate: ${JSON.stringify(certificate)}, client-key: ${JSON.stringify(key)} }
`
