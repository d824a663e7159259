import { describe, expect, it } from 'vitest'
import type { JsonObject } from '../json.ts'
import { builtinSchema } from '../openapi/definitions.ts'
import { decodeBuiltin } from './decode.ts'
import { applyDefaults } from './defaults.ts'
import { pruneCustom } from './prune.ts'
import { isKnownRule } from './rules.ts'
import type { Schema } from './schema.ts'
import { validateCustom } from './validate.ts'

const SERVICE = builtinSchema('io.k8s.api.core.v1.Service')
const DEPLOYMENT = builtinSchema('io.k8s.api.apps.v1.Deployment')

describe('built-in types', () => {
  const decode = (value: JsonObject, schema = SERVICE) => {
    const unknown: string[] = []
    return { value: decodeBuiltin(value, schema, unknown), unknown }
  }

  it('drops unknown fields and names them', () => {
    const { value, unknown } = decode({ spec: { ports: [{ port: 1, bad: 2 }], worse: {} }, worst: 1 })
    expect(value).toEqual({ spec: { ports: [{ port: 1 }] } })
    expect(unknown).toEqual(['spec.ports[0].bad', 'spec.worse', 'worst'])
  })

  it('drops what Go does not write: nulls, empty lists and maps, zeros that are no pointers', () => {
    const spec = { clusterIP: '', externalIPs: [], selector: {}, type: null, healthCheckNodePort: 0 }
    expect(decode({ spec: { ...spec, allocateLoadBalancerNodePorts: false } }).value).toEqual({
      spec: { allocateLoadBalancerNodePorts: false },
    })
    const scaled = decode({ spec: { replicas: 0, paused: false, strategy: {} } }, DEPLOYMENT)
    expect(scaled.value).toEqual({ spec: { replicas: 0, strategy: {} } })
    // Entries of a map are no fields: an empty label stays.
    expect(decode({ metadata: { labels: { a: '' } } }).value).toEqual({ metadata: { labels: { a: '' } } })
  })

  it.each([
    [{ spec: { ports: [{ port: '80' }] } }, 'spec.ports[0].port of type int32'],
    [{ spec: { ports: {} } }, 'spec.ports of type []'],
    [{ spec: 'x' }, 'spec of type object'],
    [{ spec: { ports: [{ port: 1, targetPort: true }] } }, 'spec.ports[0].targetPort'],
  ])('refuses %j', (value, text) => {
    expect(() => decode(value)).toThrow(text)
  })

  it('knows types that contain themselves', () => {
    const schema = builtinSchema('io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaProps')
    const deep = { properties: { a: { properties: { b: { type: 'string', default: [] } } } } }
    expect(decode(deep, schema)).toEqual({ value: deep, unknown: [] })
  })
})

const CUSTOM: Schema = {
  type: 'object',
  required: ['spec'],
  properties: {
    metadata: { type: 'object' },
    spec: {
      type: 'object',
      required: ['addresses'],
      properties: {
        addresses: {
          type: 'array',
          minItems: 1,
          maxItems: 3,
          items: { type: 'string', pattern: '^[0-9.]+$' },
        },
        mode: { type: 'string', enum: ['a', 'b'], default: 'a' },
        weight: { type: 'integer', minimum: 1, maximum: 100 },
        port: { 'x-kubernetes-int-or-string': true },
        note: { type: 'string', nullable: true, maxLength: 3 },
        labels: { type: 'object', additionalProperties: { type: 'string' } },
        free: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
        fixed: {
          type: 'string',
          'x-kubernetes-validations': [{ rule: 'self == oldSelf', message: 'is fixed' }],
        },
        conditions: {
          type: 'array',
          'x-kubernetes-list-type': 'map',
          'x-kubernetes-list-map-keys': ['type'],
          items: {
            type: 'object',
            properties: {
              type: { type: 'string' },
              at: { type: 'string', 'x-kubernetes-validations': [{ rule: 'self == oldSelf' }] },
            },
          },
        },
        tags: { type: 'array', 'x-kubernetes-list-type': 'set', items: { type: 'string' } },
        nested: { type: 'object', default: {}, properties: { deep: { type: 'integer', default: 7 } } },
      },
    },
  },
}

describe('custom resources', () => {
  const all = (spec: JsonObject, old?: JsonObject) =>
    validateCustom({ spec }, CUSTOM, old && { spec: old }).map(({ field, message }) => `${field}: ${message}`)
  const texts = (spec: JsonObject, old?: JsonObject) =>
    all(spec, old).filter((text) => !text.startsWith('<nil>: '))
  const ok = { addresses: ['1'] }

  it('prunes and names unknown fields', () => {
    const unknown: string[] = []
    const object = {
      apiVersion: 'x/v1',
      kind: 'X',
      metadata: { name: 'n', nonsense: 1 },
      spec: {
        addresses: ['1'],
        extra: 1,
        free: { any: 1 },
        labels: { a: 'b' },
        conditions: [{ type: 'T', no: 1 }],
      },
    }
    expect(pruneCustom(object, CUSTOM, unknown)).toEqual({
      apiVersion: 'x/v1',
      kind: 'X',
      metadata: { name: 'n' },
      spec: { addresses: ['1'], free: { any: 1 }, labels: { a: 'b' }, conditions: [{ type: 'T' }] },
    })
    expect(unknown).toEqual(['metadata.nonsense', 'spec.extra', 'spec.conditions[0].no'])
  })

  it('fills in defaults, also inside of defaults, and for nulls', () => {
    const object: JsonObject = { spec: { addresses: ['1'], mode: null, note: null } }
    applyDefaults(object, CUSTOM)
    expect(object).toEqual({ spec: { addresses: ['1'], mode: 'a', note: null, nested: { deep: 7 } } })
  })

  it.each([
    [{}, 'spec.addresses: Required value'],
    [
      { addresses: [] },
      'spec.addresses: Invalid value: 0: spec.addresses in body should have at least 1 items',
    ],
    [{ addresses: ['1', '2', '3', '4'] }, 'spec.addresses: Too many: 4: must have at most 3 items'],
    [
      { addresses: ['x'] },
      `spec.addresses[0]: Invalid value: "x": spec.addresses[0] in body should match '^[0-9.]+$'`,
    ],
    [
      { addresses: '1' },
      'spec.addresses: Invalid value: "string": spec.addresses in body must be of type array: "string"',
    ],
    [{ ...ok, mode: 'c' }, 'spec.mode: Unsupported value: "c": supported values: "a", "b"'],
    [
      { ...ok, weight: 101 },
      'spec.weight: Invalid value: 101: spec.weight in body should be less than or equal to 100',
    ],
    [
      { ...ok, weight: 1.5 },
      'spec.weight: Invalid value: "number": spec.weight in body must be of type integer: "number"',
    ],
    [
      { ...ok, weight: null },
      'spec.weight: Invalid value: "null": spec.weight in body must be of type integer: "null"',
    ],
    [{ ...ok, note: 'long' }, 'spec.note: Too long: may not be more than 3 bytes'],
    [{ ...ok, tags: ['a', 'a'] }, 'spec.tags[1]: Duplicate value: "a"'],
    [
      { ...ok, conditions: [{ type: 'A' }, { type: 'A' }] },
      'spec.conditions[1]: Duplicate value: {"type":"A"}',
    ],
    [
      { ...ok, labels: { a: 1 } },
      'spec.labels.a: Invalid value: "integer": spec.labels.a in body must be of type string: "integer"',
    ],
  ])('refuses %j', (spec, text) => {
    expect(texts(spec)).toEqual([text])
  })

  it('says when it did not come to the rules', () => {
    expect(all({})).toEqual([
      'spec.addresses: Required value',
      '<nil>: Invalid value: null: some validation rules were not checked because the object was invalid; correct the existing errors to complete validation',
    ])
    expect(all({ ...ok, weight: 101 })).toHaveLength(1)
  })

  it('accepts what the schema allows', () => {
    expect(texts({ ...ok, port: 'http', note: null, weight: 5, tags: ['a', 'b'] })).toEqual([])
    expect(texts({ ...ok, port: 80 })).toEqual([])
  })

  it('keeps immutable values, also in items with a key, once they are set', () => {
    expect(texts({ ...ok, fixed: 'a' }, { ...ok })).toEqual([])
    expect(texts({ ...ok, fixed: 'b' }, { ...ok, fixed: 'a' })).toEqual([
      'spec.fixed: Invalid value: "b": is fixed',
    ])
    const before = {
      ...ok,
      conditions: [
        { type: 'A', at: '1' },
        { type: 'B', at: '2' },
      ],
    }
    const moved = {
      ...ok,
      conditions: [
        { type: 'B', at: '2' },
        { type: 'A', at: '9' },
      ],
    }
    expect(texts(moved, before)).toEqual([
      'spec.conditions[1].at: Invalid value: "9": failed rule: self == oldSelf',
    ])
  })

  it('knows which rules it evaluates', () => {
    expect(isKnownRule('self == oldSelf')).toBe(true)
    expect(isKnownRule('self.a == oldSelf.a')).toBe(false)
  })
})
