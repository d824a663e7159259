import type { Family } from '#inet/address.ts'
import {
  affinityOf,
  collectionNames,
  countings,
  endpointsOf,
  families,
  fieldsOf,
  type Elements,
} from '../model.ts'

/**
 * Elements without what is a matter of history: which slot an endpoint has, which of several equal frontends counts
 * first in turn, the numbers of the lists of session affinity, and addresses that a Service had. Two data planes that forward alike have the same.
 */
export function normalForm(elements: Elements): string[] {
  return families.flatMap((family) => ofFamily(elements[family], family)).sort()
}

function ofFamily(elements: Elements[Family], family: Family): string[] {
  const lists = namesOfLists(elements)
  const slotless = new Map<string, Elements[Family][keyof Elements[Family]]>(
    countings.map((over) => [endpointsOf[over], elements[over]]),
  )
  const memberSlots = new Map<string, Elements[Family][keyof Elements[Family]]>(
    countings.map((over) => [affinityOf[over].slots, elements[over]]),
  )
  const listsOf = new Set<string>(countings.map((over) => affinityOf[over].lists))
  const lines: string[] = []
  for (const name of collectionNames) {
    if (name === 'vacated-addresses') continue
    for (const [key, value] of elements[name]) {
      const fields = fieldsOf(key)
      let text = `${key} : ${value}`
      const counts = slotless.get(name) ?? memberSlots.get(name)
      if (counts !== undefined) {
        const frontend = fields.slice(0, -1).join(' . ')
        // A table that the client's address chooses from says who gets what: its order matters.
        const slot = counts.get(frontend)?.includes('source-hash') ? ` . ${fields.at(-1)}` : ''
        const endpoint = memberSlots.has(name) ? elements['affinity-endpoints'].get(value) : value
        text = `${frontend}${slot} : ${endpoint}`
      } else if (name === 'affinity-endpoints') text = `${lists.get(key.split('/')[0])} : ${value}`
      else if (name === 'affinity-timeouts') text = `${lists.get(fields[0])} . ${fields[1]}`
      else if (listsOf.has(name)) text = `${key} : ${lists.get(value)}`
      lines.push(`${family} ${name} { ${text} }`)
    }
  }
  return lines
}

/** A list is known by the frontends that have it. */
function namesOfLists(elements: Elements[Family]): Map<string, string> {
  const frontends = new Map<string, string[]>()
  for (const over of countings) {
    const { lists } = affinityOf[over]
    for (const [frontend, list] of elements[lists]) {
      frontends.set(list, [...(frontends.get(list) ?? []), `${lists} ${frontend}`])
    }
  }
  return new Map([...frontends].map(([list, names]) => [list, `list of ${names.sort().join(', ')}`]))
}
