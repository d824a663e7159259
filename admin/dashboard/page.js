// The dashboard: the admin API's lists as tables, read again every two seconds. No framework, no state.

const PERIOD_MS = 2000

/** Title, path, what an empty list means, and the columns: heading and how to make the cell of a row. */
const sections = [
  {
    title: 'Services',
    path: 'api/v1/services',
    empty: 'No Service of type LoadBalancer yet.',
    columns: [
      ['Service', (row) => `${row.namespace}/${row.name}`],
      ['Address', (row) => row.addresses.join(', ') || '<none>'],
      ['Pool', (row) => row.pool],
      ['Ports', (row) => row.ports.join(', ')],
      ['Announced', (row) => conditionText(row, 'fairlead.io/Announced')],
      [
        'Why',
        (row) => (row.addresses.length > 0 ? mark('ok', row.reason) : mark('bad', row.message || row.reason)),
      ],
    ],
  },
  {
    title: 'Pools',
    path: 'api/v1/pools',
    empty: 'No IPAddressPool yet.',
    columns: [
      ['Pool', (row) => row.name],
      ['Addresses', (row) => row.ranges.join(', ')],
      ['In use', (row) => `${sum(row.assigned)} of ${sum(row.capacity)}`],
      ['Assigned by itself', (row) => (row.autoAssign ? 'yes' : 'on request only')],
    ],
  },
  {
    title: 'Nodes',
    path: 'api/v1/nodes',
    empty: 'No speaker has reported yet.',
    columns: [
      ['Node', (row) => row.name],
      ['Ready', (row) => (row.ready ? mark('ok', 'yes') : mark('bad', row.reason || 'no'))],
      [
        'Interfaces',
        (row) =>
          row.interfaces
            .filter((one) => one.usable)
            .map((one) => `${one.name} ${one.mac}`)
            .join(', '),
      ],
      ['Forwarding', (row) => forwardingText(row.forwarding)],
    ],
  },
  {
    title: 'Layer 2',
    path: 'api/v1/layer2',
    empty: 'No address is announced by ARP or NDP.',
    columns: [
      ['Service', (row) => `${row.serviceNamespace}/${row.serviceName}`],
      ['Held by', (row) => row.node],
      ['Interfaces', (row) => (row.interfaces ?? []).map((one) => one.name).join(', ')],
    ],
  },
  {
    title: 'BGP sessions',
    path: 'api/v1/bgp/peers',
    empty: 'No BGPPeer yet.',
    columns: [
      ['Peer', (row) => row.peer],
      ['Address', (row) => row.address],
      ['Node', (row) => row.node],
      ['State', (row) => mark(row.state === 'Established' ? 'ok' : 'bad', row.state)],
      ['Since', (row) => new Date(row.since).toLocaleTimeString()],
      ['Last error', (row) => row.lastError ?? ''],
    ],
  },
]

const sum = (counts) => Object.values(counts).reduce((all, one) => all + BigInt(one), 0n)

const conditionText = (row, type) => {
  const condition = (row.conditions ?? []).find((one) => one.type === type)
  if (condition === undefined) return ''
  return mark(condition.status === 'True' ? 'ok' : 'bad', condition.message || condition.reason)
}

const forwardingText = (forwarding) => {
  if (forwarding.mode === undefined) return ''
  if (forwarding.mode === 'off') return 'off'
  return forwarding.synced ? mark('ok', 'in the kernel') : mark('bad', 'not in the kernel')
}

function element(name, children, className = '') {
  const made = document.createElement(name)
  if (className !== '') made.className = className
  made.append(...children)
  return made
}

const mark = (className, text) => element('span', [text], className)

function table(rows, columns) {
  const head = element(
    'tr',
    columns.map(([heading]) => element('th', [heading])),
  )
  const body = rows.map((row) =>
    element(
      'tr',
      columns.map(([, cell]) => element('td', [cell(row)])),
    ),
  )
  return element('table', [element('thead', [head]), element('tbody', body)])
}

async function get(path) {
  const answer = await fetch(path)
  if (!answer.ok) throw new Error(`${path}: ${answer.status}`)
  return answer.json()
}

/** One list that cannot be had hides none of the others. */
const getList = (path) => get(path).catch((error) => ({ items: [], problems: [], failure: error.message }))

async function show() {
  const line = document.getElementById('status')
  try {
    const [status, config, ...lists] = await Promise.all(
      [get('api/v1/status')].concat(['api/v1/config', ...sections.map(({ path }) => path)].map(getList)),
    )
    const role = status.leader ? 'leader' : 'standby'
    line.replaceChildren(
      `controller ${status.identity}, ${role}, ${status.synced ? 'in step' : 'waiting for its first lists'}`,
    )
    const shown = sections.map(({ title, empty, columns }, index) => {
      const { items, failure } = lists[index]
      return element('section', [
        element('h2', [title]),
        items.length > 0
          ? table(items, columns)
          : element('p', [failure === undefined ? empty : mark('bad', `unknown: ${failure}`)], 'empty'),
      ])
    })
    document.getElementById('sections').replaceChildren(...problems(config), ...shown)
  } catch (error) {
    line.replaceChildren(mark('bad', `no answer: ${error.message}`))
  }
  setTimeout(show, PERIOD_MS)
}

function problems({ problems: list, failure }) {
  if (failure !== undefined) return [element('p', [mark('bad', `configuration unknown: ${failure}`)])]
  if (list.length === 0) return []
  const columns = [
    ['Object', (row) => `${row.kind} ${row.name}`],
    ['Field', (row) => row.field],
    ['Problem', (row) => mark(row.severity === 'error' ? 'bad' : '', row.message)],
  ]
  return [element('section', [element('h2', ['Configuration problems']), table(list, columns)])]
}

show()
