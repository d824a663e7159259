import { projectService, type Service } from '#kube/objects/service.ts'

/** For tests: a LoadBalancer Service as the API server would send it. */
export const rawService = (
  name: string,
  { spec = {}, status = {}, ...metadata }: { spec?: object; status?: object; [field: string]: unknown } = {},
) => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name, namespace: 'test', ...metadata },
  spec: { type: 'LoadBalancer', clusterIPs: ['1.2.3.4'], ports: [{ port: 80, protocol: 'TCP' }], ...spec },
  status,
})

export const service = (name: string, more: Parameters<typeof rawService>[1] = {}): Service =>
  projectService(rawService(name, more))

/** `status.loadBalancer` with these addresses; those with letters only are host names. */
export const ingress = (...values: string[]) => ({
  loadBalancer: {
    ingress: values.map((value) => (/^[a-z.]+$/.test(value) ? { hostname: value } : { ip: value })),
  },
})
