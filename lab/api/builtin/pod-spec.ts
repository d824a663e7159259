import { isObject, type JsonObject } from '../json.ts'

interface Container extends JsonObject {
  name?: string
  image?: string
  ports?: JsonObject[]
}

export interface PodSpec extends JsonObject {
  containers?: Container[]
  initContainers?: Container[]
  volumes?: JsonObject[]
  nodeName?: string
  hostNetwork?: boolean
  terminationGracePeriodSeconds?: number
}

export interface PodTemplate {
  metadata?: { labels?: Record<string, string>; annotations?: Record<string, string> }
  spec?: PodSpec
}

/** Defaults of every pod spec, in Pods and in templates (SetDefaults_PodSpec, SetDefaults_Container). */
export function setPodSpecDefaults(spec: PodSpec): void {
  spec.dnsPolicy ??= 'ClusterFirst'
  spec.restartPolicy ??= 'Always'
  spec.securityContext ??= {}
  spec.terminationGracePeriodSeconds ??= 30
  spec.schedulerName ??= 'default-scheduler'
  if (spec.serviceAccountName !== undefined) spec.serviceAccount ??= spec.serviceAccountName
  for (const container of [...(spec.containers ?? []), ...(spec.initContainers ?? [])]) {
    setContainerDefaults(container, spec.hostNetwork === true)
  }
  for (const volume of spec.volumes ?? []) setVolumeDefaults(volume)
}

function setContainerDefaults(container: Container, hostNetwork: boolean): void {
  const tag =
    /:([^/@]+)$/.exec(container.image ?? '')?.[1] ?? (container.image?.includes('@') ? '' : 'latest')
  container.imagePullPolicy ??= tag === 'latest' ? 'Always' : 'IfNotPresent'
  container.terminationMessagePath ??= '/dev/termination-log'
  container.terminationMessagePolicy ??= 'File'
  container.resources ??= {}
  for (const port of container.ports ?? []) {
    port.protocol ??= 'TCP'
    if (hostNetwork) port.hostPort ??= port.containerPort
  }
  for (const name of ['livenessProbe', 'readinessProbe', 'startupProbe']) {
    const probe = container[name]
    if (isObject(probe)) setProbeDefaults(probe)
  }
  if (!Array.isArray(container.env)) return
  for (const variable of container.env) {
    if (isObject(variable.valueFrom) && isObject(variable.valueFrom.fieldRef)) {
      variable.valueFrom.fieldRef.apiVersion ??= 'v1'
    }
  }
}

function setProbeDefaults(probe: JsonObject): void {
  const defaults = { timeoutSeconds: 1, periodSeconds: 10, successThreshold: 1, failureThreshold: 3 }
  for (const [name, value] of Object.entries(defaults)) if (!probe[name]) probe[name] = value
  if (isObject(probe.httpGet)) {
    probe.httpGet.path ??= '/'
    probe.httpGet.scheme ??= 'HTTP'
  }
}

function setVolumeDefaults(volume: JsonObject): void {
  for (const name of ['secret', 'configMap', 'projected', 'downwardAPI']) {
    const source = volume[name]
    if (isObject(source)) source.defaultMode ??= 420
  }
  if (isObject(volume.hostPath)) volume.hostPath.type ??= ''
}
