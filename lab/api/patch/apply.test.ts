import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { JsonObject } from '../json.ts'
import type { ApiObject } from '../object.ts'
import { builtinSchema } from '../openapi/definitions.ts'
import { serverSideApply } from './apply.ts'
import { fieldsOf, fromFieldsV1, printPath, toFieldsV1 } from './field-set.ts'
import { trackUpdate } from './managed-fields.ts'

const SERVICE = builtinSchema('io.k8s.api.core.v1.Service')
const port = (number: number, more: JsonObject = {}) => ({ port: number, protocol: 'TCP', ...more })

const object = (fields: JsonObject): ApiObject =>
  ({ apiVersion: 'v1', kind: 'Service', metadata: { name: 'web' }, ...fields }) as ApiObject

/** Applies and keeps the managers in the object, as the server does. */
function apply(live: ApiObject | undefined, manager: string, fields: JsonObject, force = false): ApiObject {
  const writer = { manager, operation: 'Apply' as const, apiVersion: 'v1', subresource: '' }
  const options = { force, time: '2026-01-01T00:00:00Z', ignored: () => false }
  const applied = serverSideApply(live, object(fields), SERVICE, writer, options)
  const { metadata } = applied.object
  return { ...applied.object, metadata: { ...metadata, managedFields: applied.managedFields } }
}

function update(live: ApiObject, manager: string, fields: JsonObject): ApiObject {
  const after = object({ ...fields })
  const writer = { manager, operation: 'Update' as const, apiVersion: 'v1', subresource: '' }
  const managedFields = trackUpdate(live, after, SERVICE, writer, '2026-01-02T00:00:00Z')
  return { ...after, metadata: { ...after.metadata, ...(managedFields ? { managedFields } : {}) } }
}

describe('field sets', () => {
  it('has leaves, keyed items and keys of maps', () => {
    const value = {
      metadata: { labels: { a: 'b' } },
      spec: { type: 'x', ports: [port(80)], clusterIPs: ['1'] },
    }
    expect(toFieldsV1(fieldsOf(value, SERVICE))).toEqual({
      'f:metadata': { 'f:labels': { 'f:a': {} } },
      'f:spec': {
        'f:type': {},
        'f:clusterIPs': {},
        'f:ports': { 'k:{"port":80,"protocol":"TCP"}': { '.': {}, 'f:port': {}, 'f:protocol': {} } },
      },
    })
  })

  it('survives its JSON form', () => {
    const name = fc.constantFrom('a', 'b', 'c')
    const { value } = fc.letrec((tie) => ({
      value: fc.oneof(
        { maxDepth: 4 },
        fc.integer(),
        fc.dictionary(name, tie('value')),
        fc.array(fc.integer()),
      ),
    }))
    fc.assert(
      fc.property(value, (given) => {
        const set = fieldsOf(given, undefined)
        set.delete('')
        expect(fromFieldsV1(toFieldsV1(set))).toEqual(set)
      }),
    )
  })

  it('prints paths as kubectl does', () => {
    const path = [...fieldsOf({ spec: { ports: [port(80, { name: 'x' })] } }, SERVICE)].find((one) =>
      one.endsWith('f:name'),
    )
    expect(printPath(path!)).toBe('.spec.ports[port=80,protocol="TCP"].name')
  })
})

describe('server-side apply', () => {
  it('creates, and owns what it applied', () => {
    const created = apply(undefined, 'one', { spec: { ports: [port(80)] } })
    expect(created.metadata.managedFields).toMatchObject([
      { manager: 'one', operation: 'Apply', fieldsType: 'FieldsV1' },
    ])
    expect(apply(created, 'one', { spec: { ports: [port(80)] } })).toEqual(created)
  })

  it('removes what the same manager no longer applies', () => {
    const before = apply(undefined, 'one', {
      metadata: { name: 'web', labels: { a: '1', b: '2' } },
      spec: { ports: [port(80), port(81)] },
    })
    const after = apply(before, 'one', {
      metadata: { name: 'web', labels: { a: '1' } },
      spec: { ports: [port(81)] },
    })
    expect(after.metadata.labels).toEqual({ a: '1' })
    expect(after.spec).toEqual({ ports: [port(81)] })
  })

  it('leaves to others what they own, and shares equal values', () => {
    let live = apply(undefined, 'one', { spec: { ports: [port(80)], type: 'ClusterIP' } })
    live = apply(live, 'two', { spec: { ports: [port(81)], type: 'ClusterIP' } })
    expect(live.spec?.ports).toEqual([port(80), port(81)])
    live = apply(live, 'one', { spec: { ports: [port(80)] } })
    expect(live.spec?.type).toBe('ClusterIP')
    live = apply(live, 'two', {})
    expect(live.spec).toEqual({ ports: [port(80)] })
  })

  it('refuses to change what another manager owns, unless forced', () => {
    const live = apply(undefined, 'one', { spec: { ports: [port(80, { targetPort: 1 })] } })
    const change = { spec: { ports: [port(80, { targetPort: 2 })] } }
    expect(() => apply(live, 'two', change)).toThrow(
      'Apply failed with 1 conflict: conflict with "one": .spec.ports[port=80,protocol="TCP"].targetPort',
    )
    const forced = apply(live, 'two', change, true)
    expect(forced.spec?.ports).toEqual([port(80, { targetPort: 2 })])
    expect(() => apply(forced, 'one', { spec: { ports: [port(80, { targetPort: 3 })] } })).toThrow('"two"')
  })

  it('counts updates as managers too', () => {
    const live = apply(undefined, 'one', { spec: { type: 'ClusterIP' } })
    const edited = update(live, 'kubectl-edit', { spec: { type: 'NodePort' } })
    expect(edited.metadata.managedFields?.map(({ manager }) => manager)).toEqual(['kubectl-edit'])
    expect(() => apply(edited, 'one', { spec: { type: 'ClusterIP' } })).toThrow(
      'conflict with "kubectl-edit" using v1: .spec.type',
    )
    expect(apply(edited, 'one', { spec: { type: 'NodePort' } }).spec).toEqual({ type: 'NodePort' })
  })

  it('merges conditions by type for two controllers', () => {
    const conditions = (...types: string[]) => ({
      status: { conditions: types.map((type) => ({ type, status: 'True' })) },
    })
    let live = apply(undefined, 'one', conditions('A'))
    live = apply(live, 'two', conditions('B'))
    live = apply(live, 'one', conditions('A', 'C'))
    live = apply(live, 'two', { status: {} })
    expect(live.status?.conditions).toEqual([
      { type: 'A', status: 'True' },
      { type: 'C', status: 'True' },
    ])
  })
})
