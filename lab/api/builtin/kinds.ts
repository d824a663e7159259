import { builtinSchema } from '../openapi/definitions.ts'
import { metadataFields, type SelectableFields } from '../store/field-selector.ts'
import type { Column } from '../table/column.ts'
import { collectionName, type ResourceType, type Strategy } from '../types/resource-type.ts'
import {
  crdColumns,
  disruptionBudgetColumns,
  eventColumns,
  leaseColumns,
  namespaceColumns,
  nodeColumns,
  webhookColumns,
} from './columns/cluster.ts'
import {
  bindingColumns,
  configMapColumns,
  plainColumns,
  roleColumns,
  secretColumns,
} from './columns/config.ts'
import {
  endpointsColumns,
  endpointSliceColumns,
  networkPolicyColumns,
  serviceCidrColumns,
  serviceColumns,
} from './columns/network.ts'
import { daemonSetColumns, deploymentColumns, podColumns, replicaSetColumns } from './columns/workloads.ts'
import { podFields, podStrategy } from './pod.ts'
import { textAt } from './select.ts'
import { setServiceDefaults } from './service/defaults.ts'
import type { ServiceRegistry } from './service/service-registry.ts'
import { serviceWarnings, validateService, validateServiceStatus } from './service/validate.ts'
import { configMapStrategy, secretStrategy } from './data-kinds.ts'
import { endpointSliceStrategy } from './endpoint-slice.ts'
import { roleBindingStrategy, roleStrategy } from './rbac.ts'
import {
  eventFields,
  eventStrategy,
  leaseStrategy,
  namespaceStrategy,
  nodeStrategy,
  webhookStrategy,
} from './strategies.ts'
import { daemonSetStrategy, deploymentStrategy, replicaSetStrategy } from './workloads.ts'

interface KindOptions {
  readonly cluster?: true
  readonly short?: readonly string[]
  readonly all?: true
  readonly subresources?: readonly string[]
  readonly columns?: readonly Column[]
  readonly fields?: SelectableFields
  readonly strategy?: Strategy
}

/** Packages of the definitions, by API group. */
const PACKAGES: Readonly<Record<string, string>> = {
  '': 'io.k8s.api.core',
  apps: 'io.k8s.api.apps',
  'discovery.k8s.io': 'io.k8s.api.discovery',
  'coordination.k8s.io': 'io.k8s.api.coordination',
  'rbac.authorization.k8s.io': 'io.k8s.api.rbac',
  'networking.k8s.io': 'io.k8s.api.networking',
  policy: 'io.k8s.api.policy',
  'admissionregistration.k8s.io': 'io.k8s.api.admissionregistration',
  'apiextensions.k8s.io': 'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions',
}

function kind(group: string, plural: string, name: string, options: KindOptions = {}): ResourceType {
  const { subresources = [] } = options
  return {
    group,
    version: 'v1',
    plural,
    kind: name,
    namespaced: options.cluster !== true,
    singular: name.toLowerCase(),
    listKind: `${name}List`,
    shortNames: options.short ?? [],
    categories: options.all === true ? ['all'] : [],
    collection: collectionName(plural, group),
    custom: false,
    schema: builtinSchema(`${PACKAGES[group]}.v1.${name}`),
    subresources,
    ...(subresources.includes('scale') ? { scale: WORKLOAD_SCALE } : {}),
    columns: options.columns ?? plainColumns,
    selectable: { ...metadataFields, ...options.fields },
    strategy: options.strategy ?? {},
    hasStatus: subresources.includes('status'),
    conditionalUpdates: CONDITIONAL.has(name),
    createsOnUpdate: CREATED_ON_UPDATE.has(name),
  }
}

/** Kinds whose strategies have AllowUnconditionalUpdate = false. */
const CONDITIONAL = new Set(['Lease', 'PodDisruptionBudget', 'ValidatingWebhookConfiguration'])
/** Kinds whose strategies have AllowCreateOnUpdate = true. */
const CREATED_ON_UPDATE = new Set([
  'Lease',
  'Event',
  'Service',
  'Endpoints',
  'Role',
  'RoleBinding',
  'ClusterRole',
  'ClusterRoleBinding',
])

const WORKLOAD_SCALE = {
  specReplicas: '.spec.replicas',
  statusReplicas: '.status.replicas',
  labelSelector: '.spec.selector',
}

/** Every built-in kind that is served. @param crdStrategy from crd/, which needs the registry of types */
export function builtinTypes(services: ServiceRegistry, crdStrategy: Strategy): ResourceType[] {
  const rbac = 'rbac.authorization.k8s.io'
  const serviceStrategy: Strategy = {
    defaults: setServiceDefaults,
    prepareCreate: (object) => services.prepareCreate(object),
    prepareUpdate: (object, old) => services.prepareUpdate(object, old),
    validate: validateService,
    validateStatus: validateServiceStatus,
    warnings: serviceWarnings,
  }
  return [
    kind('', 'configmaps', 'ConfigMap', {
      short: ['cm'],
      columns: configMapColumns,
      strategy: configMapStrategy,
    }),
    kind('', 'endpoints', 'Endpoints', { short: ['ep'], columns: endpointsColumns }),
    kind('', 'events', 'Event', {
      short: ['ev'],
      columns: eventColumns,
      fields: eventFields,
      strategy: eventStrategy,
    }),
    kind('', 'namespaces', 'Namespace', {
      cluster: true,
      short: ['ns'],
      subresources: ['status', 'finalize'],
      columns: namespaceColumns,
      fields: { 'status.phase': textAt('status', 'phase'), name: metadataFields['metadata.name']! },
      strategy: namespaceStrategy,
    }),
    kind('', 'nodes', 'Node', {
      cluster: true,
      short: ['no'],
      subresources: ['status'],
      columns: nodeColumns,
      fields: { 'spec.unschedulable': (node) => String(node.spec?.unschedulable === true) },
      strategy: nodeStrategy,
    }),
    kind('', 'pods', 'Pod', {
      short: ['po'],
      all: true,
      subresources: ['status', 'binding', 'eviction'],
      columns: podColumns,
      fields: podFields,
      strategy: podStrategy,
    }),
    kind('', 'secrets', 'Secret', {
      columns: secretColumns,
      fields: { type: textAt('type') },
      strategy: secretStrategy,
    }),
    kind('', 'serviceaccounts', 'ServiceAccount', { short: ['sa'], subresources: ['token'] }),
    kind('', 'services', 'Service', {
      short: ['svc'],
      all: true,
      subresources: ['status'],
      columns: serviceColumns,
      fields: { 'spec.clusterIP': textAt('spec', 'clusterIP'), 'spec.type': textAt('spec', 'type') },
      strategy: serviceStrategy,
    }),
    kind('apps', 'daemonsets', 'DaemonSet', {
      short: ['ds'],
      all: true,
      subresources: ['status'],
      columns: daemonSetColumns,
      strategy: daemonSetStrategy,
    }),
    kind('apps', 'deployments', 'Deployment', {
      short: ['deploy'],
      all: true,
      subresources: ['status', 'scale'],
      columns: deploymentColumns,
      strategy: deploymentStrategy,
    }),
    kind('apps', 'replicasets', 'ReplicaSet', {
      short: ['rs'],
      all: true,
      subresources: ['status', 'scale'],
      columns: replicaSetColumns,
      fields: { 'status.replicas': textAt('status', 'replicas') },
      strategy: replicaSetStrategy,
    }),
    kind('discovery.k8s.io', 'endpointslices', 'EndpointSlice', {
      columns: endpointSliceColumns,
      strategy: endpointSliceStrategy,
    }),
    kind('coordination.k8s.io', 'leases', 'Lease', {
      columns: leaseColumns,
      strategy: leaseStrategy,
    }),
    kind(rbac, 'roles', 'Role', { columns: roleColumns, strategy: roleStrategy }),
    kind(rbac, 'rolebindings', 'RoleBinding', { columns: bindingColumns, strategy: roleBindingStrategy }),
    kind(rbac, 'clusterroles', 'ClusterRole', {
      cluster: true,
      columns: roleColumns,
      strategy: roleStrategy,
    }),
    kind(rbac, 'clusterrolebindings', 'ClusterRoleBinding', {
      cluster: true,
      columns: bindingColumns,
      strategy: roleBindingStrategy,
    }),
    kind('networking.k8s.io', 'networkpolicies', 'NetworkPolicy', {
      short: ['netpol'],
      columns: networkPolicyColumns,
    }),
    kind('networking.k8s.io', 'servicecidrs', 'ServiceCIDR', {
      cluster: true,
      subresources: ['status'],
      columns: serviceCidrColumns,
    }),
    kind('policy', 'poddisruptionbudgets', 'PodDisruptionBudget', {
      short: ['pdb'],
      subresources: ['status'],
      columns: disruptionBudgetColumns,
    }),
    kind(
      'admissionregistration.k8s.io',
      'validatingwebhookconfigurations',
      'ValidatingWebhookConfiguration',
      {
        cluster: true,
        columns: webhookColumns,
        strategy: webhookStrategy,
      },
    ),
    kind('apiextensions.k8s.io', 'customresourcedefinitions', 'CustomResourceDefinition', {
      cluster: true,
      short: ['crd', 'crds'],
      subresources: ['status'],
      columns: crdColumns,
      strategy: crdStrategy,
    }),
  ]
}
