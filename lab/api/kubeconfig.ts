import { stringify } from 'yaml'

/**
 * A kubeconfig for one server and one token, as YAML.
 * @param ca certificate of the authority, PEM
 */
export function kubeconfigText(name: string, server: string, ca: string, token: string): string {
  return stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [
      { name, cluster: { server, 'certificate-authority-data': Buffer.from(ca).toString('base64') } },
    ],
    users: [{ name, user: { token } }],
    contexts: [{ name, context: { cluster: name, user: name, namespace: 'default' } }],
    'current-context': name,
  })
}
