import { isObject } from '../../json.ts'
import type { ApiObject } from '../../object.ts'
import { ageColumn, column, nameColumn, wideColumn, type Column } from '../../table/column.ts'
import { listAt, textAt } from '../select.ts'

const count =
  (...fields: string[]) =>
  (object: ApiObject) =>
    fields.reduce((sum, field) => {
      const value = object[field]
      return sum + (isObject(value) ? Object.keys(value).length : 0)
    }, 0)

export const configMapColumns: readonly Column[] = [
  nameColumn,
  column('Data', count('data', 'binaryData'), { type: 'string' }),
  ageColumn,
]

export const secretColumns: readonly Column[] = [
  nameColumn,
  column('Type', textAt('type')),
  column('Data', count('data'), { type: 'string' }),
  ageColumn,
]

export const plainColumns: readonly Column[] = [nameColumn, ageColumn]

export const roleColumns: readonly Column[] = [
  nameColumn,
  column('Created At', (object) => object.metadata.creationTimestamp ?? '', { type: 'date' }),
]

interface Subject {
  kind: string
  name: string
  namespace?: string
}

const subjects = (kind: string) => (object: ApiObject) =>
  listAt<Subject>(object, 'subjects')
    .filter((one) => one.kind === kind)
    .map(({ namespace, name }) => (namespace === undefined ? name : `${namespace}/${name}`))
    .join(', ')

export const bindingColumns: readonly Column[] = [
  nameColumn,
  column('Role', (object) => `${textAt('roleRef', 'kind')(object)}/${textAt('roleRef', 'name')(object)}`),
  ageColumn,
  wideColumn('Users', subjects('User')),
  wideColumn('Groups', subjects('Group')),
  wideColumn('ServiceAccounts', subjects('ServiceAccount')),
]
