import { readFileSync } from 'node:fs'
import type { JsonObject } from '../json.ts'
import { microTimestamp, timestamp } from '../object.ts'
import type { Schema } from '../schema/schema.ts'
import { badRequest } from '../status.ts'
import { builtinSchema, definitionOfKind } from './definitions.ts'

/** Field name -> number; or number and type of a message whose fields JSON has in its parent (Go embedding). */
type Fields = Readonly<Record<string, number | readonly [number, string]>>

const messages: Readonly<Record<string, Fields>> = JSON.parse(
  readFileSync(new URL('field-numbers.json', import.meta.url), 'utf8'),
)

const MAGIC = Buffer.from('k8s\0')

/** One field on the wire: a varint or octets. */
interface WireField {
  readonly number: number
  readonly value: bigint | Buffer
}

/**
 * Decodes an object in Kubernetes' protobuf form: kubectl sends built-in kinds so (`kubectl create namespace`).
 * @throws StatusError 400 for what is not such an object, or of a kind that is not built in
 */
export function decodeProtobuf(bytes: Buffer): JsonObject {
  if (!bytes.subarray(0, 4).equals(MAGIC)) throw badRequest('the body is not a Kubernetes protobuf object')
  const unknown = [...readFields(bytes.subarray(4))]
  const typeMeta = [...readFields(octets(unknown, 1))]
  const apiVersion = octets(typeMeta, 1).toString()
  const kind = octets(typeMeta, 2).toString()
  const definition = definitionOfKind(apiVersion, kind)
  if (definition === undefined) throw badRequest(`no protobuf form of kind ${kind} in ${apiVersion}`)
  return { apiVersion, kind, ...decodeMessage(octets(unknown, 2), definition, builtinSchema(definition)) }
}

const octets = (fields: readonly WireField[], number: number): Buffer => {
  const value = fields.find((field) => field.number === number)?.value
  return Buffer.isBuffer(value) ? value : Buffer.alloc(0)
}

/** protobuf.dev/programming-guides/encoding. @throws StatusError 400 when the octets end too soon */
function* readFields(bytes: Buffer): Generator<WireField> {
  let at = 0
  const varint = (): bigint => {
    let value = 0n
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const octet = bytes[at++]
      if (octet === undefined) break
      value |= BigInt(octet & 0x7f) << shift
      if (octet < 0x80) return BigInt.asIntN(64, value)
    }
    throw badRequest('the protobuf body ends in the middle of a number')
  }
  const take = (length: number): Buffer => {
    if (at + length > bytes.length) throw badRequest('the protobuf body ends in the middle of a field')
    at += length
    return bytes.subarray(at - length, at)
  }
  while (at < bytes.length) {
    const tag = varint()
    const number = Number(tag >> 3n)
    switch (Number(tag & 7n)) {
      case 0:
        yield { number, value: varint() }
        break
      case 1:
        yield { number, value: take(8) }
        break
      case 2:
        yield { number, value: take(Number(varint())) }
        break
      case 5:
        yield { number, value: take(4) }
        break
      default:
        throw badRequest('the protobuf body has a field of an unknown wire type')
    }
  }
}

function decodeMessage(bytes: Buffer, message: string, schema: Schema): JsonObject {
  const result: JsonObject = {}
  const fields = messages[message] ?? {}
  const names = new Map(
    Object.entries(fields).map(([name, at]) => [typeof at === 'number' ? at : at[0], { name, at }]),
  )
  for (const { number, value } of readFields(bytes)) {
    const known = names.get(number)
    if (known === undefined) continue
    const { name, at } = known
    if (typeof at !== 'number') {
      if (Buffer.isBuffer(value)) Object.assign(result, decodeMessage(value, at[1], schema))
      continue
    }
    const of = schema.properties?.[name]
    if (of !== undefined) put(result, name, value, of)
  }
  return result
}

function put(result: JsonObject, name: string, value: bigint | Buffer, schema: Schema): void {
  if (schema.type === 'array') {
    const list = (result[name] ??= []) as unknown[]
    list.push(decodeValue(value, schema.items ?? {}))
  } else if (typeof schema.additionalProperties === 'object' && Buffer.isBuffer(value)) {
    const entry = [...readFields(value)]
    const map = (result[name] ??= {}) as JsonObject
    const item = entry.find((field) => field.number === 2)?.value ?? Buffer.alloc(0)
    map[octets(entry, 1).toString()] = decodeValue(item, schema.additionalProperties)
  } else result[name] = decodeValue(value, schema)
}

function decodeValue(value: bigint | Buffer, schema: Schema): unknown {
  if (typeof value === 'bigint') return schema.type === 'boolean' ? value !== 0n : Number(value)
  if (schema.definition !== undefined) return decodeNamed(value, schema.definition, schema)
  if (schema.type === 'number') return value.length === 8 ? value.readDoubleLE() : value.readFloatLE()
  return schema.format === 'byte' ? value.toString('base64') : value.toString()
}

/** Messages that JSON writes as something else than an object. */
function decodeNamed(bytes: Buffer, definition: string, schema: Schema): unknown {
  const fields = () => [...readFields(bytes)]
  const number = (all: readonly WireField[], at: number) => {
    const value = all.find((field) => field.number === at)?.value
    return typeof value === 'bigint' ? Number(value) : 0
  }
  switch (definition.slice(definition.lastIndexOf('.') + 1)) {
    case 'Time': {
      const all = fields()
      return all.length === 0 ? null : timestamp(number(all, 1) * 1000)
    }
    case 'MicroTime': {
      const all = fields()
      return all.length === 0 ? null : microTimestamp(number(all, 1) * 1000 + number(all, 2) / 1e6)
    }
    case 'Quantity':
      return octets(fields(), 1).toString()
    case 'IntOrString': {
      const all = fields()
      return number(all, 1) === 1 ? octets(all, 3).toString() : number(all, 2)
    }
    case 'RawExtension':
    case 'FieldsV1': {
      const raw = octets(fields(), 1)
      return raw.length === 0 ? undefined : JSON.parse(raw.toString())
    }
    default:
      return decodeMessage(bytes, definition, schema)
  }
}
