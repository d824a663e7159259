import type { ServerResponse } from 'node:http'
import { stringify } from 'yaml'
import type { JsonObject } from '../json.ts'
import type { ApiObject } from '../object.ts'
import { untyped, type ListResult } from '../rest/list.ts'
import { toPartial, toTable, type IncludeObject } from '../table/table.ts'
import { apiVersionOf, type ResourceType } from '../types/resource-type.ts'
import { contentType, type Form } from './accept.ts'

/** How a client wants its answers. */
export interface Presentation {
  readonly form: Form
  readonly include: IncludeObject
  readonly now: number
}

/** Sends a JSON value, as YAML where that was asked for. */
export function send(response: ServerResponse, code: number, value: JsonObject, form: Form): void {
  const text = form.as === 'yaml' ? stringify(value) : `${JSON.stringify(value)}\n`
  response.writeHead(code, { 'content-type': contentType(form), 'content-length': Buffer.byteLength(text) })
  response.end(text)
}

/** Sends plain text. */
export function sendText(response: ServerResponse, code: number, text: string): void {
  response.writeHead(code, { 'content-type': 'text/plain; charset=utf-8' })
  response.end(text)
}

/** One object in the form that was asked for. */
export function presentObject(object: ApiObject, type: ResourceType, how: Presentation): JsonObject {
  switch (how.form.as) {
    case 'table': {
      const { resourceVersion } = object.metadata
      return toTable([object], type.columns, { resourceVersion }, how.include, how.now)
    }
    case 'partial':
      return toPartial(object)
    default:
      return object
  }
}

/** A list in the form that was asked for. */
export function presentList(result: ListResult, type: ResourceType, how: Presentation): JsonObject {
  const { items, ...metadata } = result
  switch (how.form.as) {
    case 'table':
      return toTable(items, type.columns, metadata, how.include, how.now)
    case 'partial':
      return {
        kind: 'PartialObjectMetadataList',
        apiVersion: 'meta.k8s.io/v1',
        metadata,
        items: items.map(toPartial),
      }
    default:
      return {
        kind: type.listKind,
        apiVersion: apiVersionOf(type),
        // Go writes the token of a list of custom resources also where there is none.
        metadata: type.custom ? { continue: '', ...metadata } : metadata,
        items: type.custom ? items : items.map(untyped),
      }
  }
}
