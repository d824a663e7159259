/** The forms in which objects are sent. */
export type Form =
  | { readonly as: 'json' | 'yaml' | 'table' | 'partial' }
  | { readonly as: 'discovery'; readonly version: 'v2' | 'v2beta1' }

/**
 * The first form of an Accept header that this server has, undefined when it has none (kubectl asks for protobuf
 * first and takes JSON).
 */
export function negotiate(accept: string | undefined): Form | undefined {
  if (accept === undefined || accept.trim() === '') return { as: 'json' }
  for (const range of accept.split(',')) {
    const [type = '', ...parameters] = range.split(';').map((part) => part.trim())
    const form = formOf(type, new Map(parameters.map((one) => one.split('=') as [string, string])))
    if (form !== undefined) return form
  }
  return undefined
}

function formOf(type: string, parameters: ReadonlyMap<string, string>): Form | undefined {
  if (type === 'application/yaml') return { as: 'yaml' }
  if (type !== 'application/json' && type !== 'application/*' && type !== '*/*') return undefined
  switch (parameters.get('as')) {
    case undefined:
      return { as: 'json' }
    case 'Table':
      return parameters.get('v') === 'v1' ? { as: 'table' } : undefined
    case 'PartialObjectMetadata':
    case 'PartialObjectMetadataList':
      return { as: 'partial' }
    case 'APIGroupDiscoveryList': {
      const version = parameters.get('v')
      return version === 'v2' || version === 'v2beta1' ? { as: 'discovery', version } : undefined
    }
    default:
      return undefined
  }
}

/** The Content-Type of an answer. */
export function contentType(form: Form): string {
  switch (form.as) {
    case 'yaml':
      return 'application/yaml'
    case 'discovery':
      return `application/json;g=apidiscovery.k8s.io;v=${form.version};as=APIGroupDiscoveryList`
    default:
      return 'application/json'
  }
}
