import { expect, test } from 'vitest'
import { exitCodeOf, readObjects, simulationText } from './simulate-command.ts'

test('files hold documents, Lists and comments', () => {
  const text = '# only a comment\n---\nkind: A\n---\nkind: List\nitems: [{ kind: B }, { kind: C }]\n---\n'
  expect(readObjects('x.yaml', text)).toEqual([{ kind: 'A' }, { kind: 'B' }, { kind: 'C' }])
  expect(readObjects('x.json', '{ "kind": "A" }')).toEqual([{ kind: 'A' }])
})

test.each([
  ['kind: [', /^x\.yaml: .* at line 1/],
  ['nonsense', /^x\.yaml: a Kubernetes object was expected$/],
  ['[]', /^x\.yaml: a Kubernetes object was expected$/],
])('%j is refused', (text, message) => {
  expect(() => readObjects('x.yaml', text)).toThrow(message)
})

const change = { service: 'test/web', from: ['10.0.0.1'], fromPool: 'a', to: [], toPool: '', why: 'gone' }

test('says who changes, how many there are, and what is wrong with the request', () => {
  const text = simulationText({
    moves: [{ ...change, to: ['10.0.1.0', 'fd00::1'], toPool: 'b' }],
    loses: [change, { ...change, service: 'test/api' }],
    gains: [],
    unchanged: 7,
    problems: [
      {
        severity: 'error',
        code: 'FL_POOL_ADDRESS',
        kind: 'IPAddressPool',
        namespace: 'n',
        name: 'a',
        field: 'spec.addresses[0]',
        message: 'invalid CIDR "x"',
      },
    ],
    ignored: [{ object: 'Pod/x', why: 'decides nothing' }],
  })
  expect(text.split('\n')).toEqual([
    'SERVICE    EFFECT   FROM           TO                      WHY',
    'test/web   moves    10.0.0.1 (a)   10.0.1.0, fd00::1 (b)   gone',
    'test/web   loses    10.0.0.1 (a)   <none>                  gone',
    'test/api   loses    10.0.0.1 (a)   <none>                  gone',
    '',
    '1 Service moves, 2 lose an address, 0 gain one, 7 unchanged.',
    'error: IPAddressPool a spec.addresses[0]: invalid CIDR "x"',
    'ignored: Pod/x: decides nothing',
  ])
})

test('nothing to say is said in one line', () => {
  const none = { moves: [], loses: [], gains: [], problems: [], ignored: [] }
  expect(simulationText({ ...none, unchanged: 3 })).toBe(
    '0 Services move, 0 lose an address, 0 gain one, 3 unchanged.',
  )
})

test('the exit code tells who moves, and else what would be refused', () => {
  const none = { moves: [], loses: [], gains: [], unchanged: 3, problems: [], ignored: [] }
  const problem = (severity: 'error' | 'warning') => ({
    severity,
    code: 'FL_POOL_ADDRESS' as const,
    kind: 'IPAddressPool',
    namespace: 'n',
    name: 'a',
    field: '',
    message: '',
  })
  expect(exitCodeOf(none)).toBe(0)
  expect(exitCodeOf({ ...none, problems: [problem('warning')] })).toBe(0)
  expect(exitCodeOf({ ...none, problems: [problem('warning'), problem('error')] })).toBe(1)
  expect(exitCodeOf({ ...none, loses: [change], problems: [problem('error')] })).toBe(3)
  expect(exitCodeOf({ ...none, moves: [change] })).toBe(3)
})
