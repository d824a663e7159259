import { get, patch, post, remove, type Dialogue } from './dialogue.ts'
import { lease } from './objects.ts'

const LEASES = '/apis/coordination.k8s.io/v1/namespaces/default/leases'
const WATCH = `${LEASES}?watch=true&timeoutSeconds=1`
const table = (path: string) => get(path, { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' })
const partial = (path: string, kind: string) =>
  get(path, { accept: `application/json;as=${kind};v=v1;g=meta.k8s.io` })

const WORDS = { differs: "the words of Go's parsers" }

const about = (name: string, ...steps: Dialogue['steps']): Dialogue => ({ name: `reading: ${name}`, steps })
const three = ['a', 'b', 'c'].map((name) =>
  post(LEASES, lease(name, { holderIdentity: name }, { labels: { name, even: String(name === 'b') } }), {
    as: name,
  }),
)
const gone = ['a', 'b', 'c'].map((name) => remove(`${LEASES}/${name}`))

export const readDialogues: readonly Dialogue[] = [
  about(
    'lists',
    ...three,
    get(LEASES),
    get(`${LEASES}?limit=2`, { as: 'page' }),
    get(`${LEASES}?limit=2&continue={page:metadata.continue}`),
    get(`${LEASES}?limit=2&continue=odd`, WORDS),
    get(`${LEASES}?limit=-1`),
    get(`${LEASES}?limit=x`),
    get(`${LEASES}?labelSelector=even%3Dtrue`),
    get(`${LEASES}?labelSelector=even!%3Dtrue,name+in+(a,c)`),
    get(`${LEASES}?labelSelector=!name`),
    get(`${LEASES}?labelSelector=a+b`, WORDS),
    get(`${LEASES}?labelSelector=name+in+()`),
    get(`${LEASES}?fieldSelector=metadata.name%3Db`),
    get(`${LEASES}?fieldSelector=metadata.name!%3Db`),
    get(`${LEASES}?fieldSelector=spec.holderIdentity%3Db`, WORDS),
    get(`${LEASES}?fieldSelector=odd`),
    get(`${LEASES}?resourceVersion=0`),
    get(`${LEASES}?resourceVersion=x`),
    get(`${LEASES}?resourceVersion=0&resourceVersionMatch=Exact`),
    get(`${LEASES}?resourceVersionMatch=Exact`),
    get(`${LEASES}?resourceVersion=1&resourceVersionMatch=Odd`),
    get(`${LEASES}?resourceVersion={b:metadata.resourceVersion}&resourceVersionMatch=Exact`),
    get(`${LEASES}?resourceVersion={b:metadata.resourceVersion}&resourceVersionMatch=NotOlderThan`),
    get(`${LEASES}?sendInitialEvents=true`),
    get('/apis/coordination.k8s.io/v1/namespaces/nowhere/leases'),
    get(`${LEASES}/a?resourceVersion=0`),
    table(LEASES),
    table(`${LEASES}/a`),
    table(`${LEASES}?includeObject=None`),
    partial(LEASES, 'PartialObjectMetadataList'),
    partial(`${LEASES}/a`, 'PartialObjectMetadata'),
    ...gone,
  ),
  about(
    'watches',
    ...three,
    patch('merge', `${LEASES}/b`, { spec: { holderIdentity: 'z' } }),
    patch('merge', `${LEASES}/b`, { metadata: { labels: { even: 'false' } } }),
    remove(`${LEASES}/c`),
    get(`${WATCH}&resourceVersion={a:metadata.resourceVersion}`),
    get(`${WATCH}&resourceVersion={a:metadata.resourceVersion}&labelSelector=even%3Dtrue`),
    get(`${WATCH}&resourceVersion={a:metadata.resourceVersion}&fieldSelector=metadata.name%3Dc`),
    get(WATCH),
    get(`${WATCH}&resourceVersion=0`),
    get(`${WATCH}&resourceVersion=0&allowWatchBookmarks=true`),
    get(`${WATCH}&allowWatchBookmarks=true`),
    get(`${WATCH}&sendInitialEvents=true&allowWatchBookmarks=true&resourceVersionMatch=NotOlderThan`),
    get(`${WATCH}&sendInitialEvents=true&allowWatchBookmarks=true`),
    get(`${WATCH}&sendInitialEvents=true&resourceVersionMatch=NotOlderThan`),
    get(`${WATCH}&sendInitialEvents=false&resourceVersionMatch=NotOlderThan`),
    get(`${WATCH}&resourceVersionMatch=NotOlderThan&resourceVersion=1`),
    get(`${WATCH}&resourceVersion=x`),
    get(`${WATCH}&resourceVersion=99999999999`),
    get(`${WATCH}&labelSelector=a+b`, WORDS),
    get(`${WATCH}&timeoutSeconds=x`),
    get(`${LEASES}/a?watch=true&timeoutSeconds=1&resourceVersion=0`),
    remove(`${LEASES}/a`),
    remove(`${LEASES}/b`),
  ),
]
