#!/usr/bin/env node
import { enableCompileCache } from 'node:module'
import { Command } from 'commander'
import { version } from './version.ts'

/**
 * The fairlead command: the two processes of the product and the tools of the people who run it. Each subcommand is
 * loaded only when it runs, so that a controller does not carry a speaker in memory and `status` starts fast.
 */
// Compiled code and stripped types are kept between runs: a third of the start-up time and 25 MB of a process.
enableCompileCache()

const program = new Command('fairlead')
  .description('A bare-metal Kubernetes service load balancer')
  .version(version)
  .showHelpAfterError('(fairlead --help lists the commands)')

const list = (value: string): string[] =>
  value
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '')

const collect = (value: string, before: readonly string[]): string[] => [...before, value]

/** FAIRLEAD_ADMIN counts where no --admin is given. */
const withEnvironment = <T extends { readonly admin: readonly string[] }>(options: T): T => {
  const { FAIRLEAD_ADMIN: admin } = process.env
  return options.admin.length > 0 || admin === undefined ? options : { ...options, admin: [admin] }
}

/** Options of both processes; names as MetalLB's where it has them. */
function processOptions(command: Command): Command {
  return command
    .option('--kubeconfig <file>', 'how to reach the API server; in a pod its service account is used')
    .option(
      '--namespace <name>',
      "Fairlead's own namespace: configuration is read there",
      process.env.METALLB_NAMESPACE,
    )
    .option('--lb-class <class>', 'serve only Services of this loadBalancerClass', '')
    .option('--host <address>', 'where probes and metrics listen', '0.0.0.0')
    .option('--port <number>', 'port of probes and metrics, 0 for none', '9120')
    .option('--admin-socket <path>', 'Unix socket of the admin API (its file mode is the access control)')
    .option(
      '--admin-address <host:port>',
      'TCP address of the admin API (bearer tokens, checked by TokenReview)',
    )
    .option('--log-level <level>', 'debug, info, warn or error', 'info')
}

processOptions(
  program.command('controller').description('give Services their addresses (one active replica)'),
)
  .option('--identity <name>', 'name in the leader election Lease', process.env.METALLB_POD_NAME)
  .option('--no-leader-elect', 'act without a Lease: only ever one replica')
  .option('--webhook', 'check custom resources before they are stored (HTTPS, own certificate)', false)
  .option('--webhook-port <number>', 'where the webhook listens', '9443')
  .action(async (options) => {
    const { controllerFlags, ensureFlags } = await import('./node-flags.ts')
    ensureFlags(controllerFlags)
    await (await import('./controller-command.ts')).controllerCommand(options)
  })

processOptions(
  program.command('speaker').description('announce addresses and forward their traffic on one node'),
)
  .option('--node-name <name>', 'the Node this runs on', process.env.METALLB_NODE_NAME)
  .option('--forwarding <mode>', 'full: Fairlead forwards Services; off: another proxy does', 'full')
  .option('--force-forwarding', 'forward even where another service proxy was found', false)
  .option(
    '--detect-local-mode <mode>',
    'how traffic of pods is recognised: ClusterCIDR, NodeCIDR, BridgeInterface or InterfaceNamePrefix',
  )
  .option(
    '--cluster-cidr <cidrs>',
    'pod networks, comma-separated: traffic from elsewhere to a ClusterIP is masqueraded',
    list,
  )
  .option('--pod-bridge-interface <name>', 'the bridge that pods are behind (BridgeInterface)')
  .option('--pod-interface-name-prefix <prefix>', "how names of pods' interfaces begin (InterfaceNamePrefix)")
  .option(
    '--nodeport-addresses <addresses>',
    'node addresses that accept NodePorts: primary, all or CIDRs; localhost in addition',
    list,
  )
  .option(
    '--service-node-port-range <range>',
    "kept out of the node's ephemeral ports; '' leaves them alone",
    '30000-32767',
  )
  .option(
    '--conntrack-max-per-core <number>',
    'connections for each core; raised, never lowered; 0 for neither',
    '32768',
  )
  .option('--conntrack-min <number>', 'connections at least', '131072')
  .option('--conntrack-tcp-timeout-established <duration>', 'at least; 0 leaves it', '0')
  .option('--conntrack-tcp-timeout-close-wait <duration>', 'at least; 0 leaves it', '1h0m0s')
  .option('--conntrack-udp-timeout <duration>', 'at least; 0 leaves it', '0')
  .option('--conntrack-udp-timeout-stream <duration>', 'at least; 0 leaves it', '0')
  .option(
    '--conntrack-tcp-be-liberal <true|false>',
    'translate TCP segments outside their window too, so that none of them resets a connection',
    'true',
  )
  .option(
    '--healthz-bind-address <host:port>',
    "kube-proxy's /healthz and /livez, when forwarding; '' for none",
    '0.0.0.0:10256',
  )
  .option(
    '--metrics-bind-address <host:port>',
    "kube-proxy's /metrics and /proxyMode, when forwarding; '' for none",
    '127.0.0.1:10249',
  )
  .option('--masquerade-all', 'masquerade all traffic to ClusterIPs', false)
  .option(
    '--ignore-exclude-lb',
    'announce also from nodes labelled exclude-from-external-load-balancers',
    false,
  )
  .option('--liveness-interval <ms>', 'between two BFD packets to another speaker', '140')
  .option('--liveness-multiplier <number>', 'packets that may be missing before it counts as dead', '6')
  .option('--drain-on-cordon', 'a cordon, or a taint of shutting down, drains the node, too', false)
  .option(
    '--drain-wait <duration>',
    'how long BGP routes stay, marked with GRACEFUL_SHUTDOWN, when the node drains',
    '5s',
  )
  .action(async (options) => {
    const { ensureFlags, speakerFlags } = await import('./node-flags.ts')
    ensureFlags(speakerFlags)
    await (await import('./speaker-command.ts')).speakerCommand(options)
  })

const admin = (command: Command): Command =>
  command
    .option('--admin <where>', 'Unix socket or URL of an admin API', process.env.FAIRLEAD_ADMIN)
    .option('--token <token>', 'bearer token for a URL', process.env.FAIRLEAD_TOKEN)
    .option('--json', 'print JSON', false)

admin(program.command('status').description('what the process behind an admin API is doing')).action(
  async (options) => (await import('./status-command.ts')).statusCommand(options),
)

const explain = program.command('explain').description('say why something does not work')
admin(
  explain
    .command('service')
    .argument('<namespace/name>')
    .option('--client <address>', 'a client that cannot reach it'),
).action(async (key: string, options) => (await import('./explain-command.ts')).explainService(key, options))

admin(
  program
    .command('simulate')
    .description('which Services would move, lose or gain an address (exit code 3: some would move or lose)')
    .option(
      '-f, --file <file>',
      'YAML or JSON as for kubectl apply, - for standard input; repeatable',
      collect,
      [],
    )
    .option('--delete <kind/name>', 'as for kubectl delete; repeatable', collect, []),
).action(async (options) => (await import('./simulate-command.ts')).simulateCommand(options))

program
  .command('drain')
  .description('take a node out of the traffic from outside: its addresses and routes go to others')
  .argument('<node>')
  .option('--kubeconfig <file>', 'how to reach the API server')
  .option('--undo', 'let it take addresses again', false)
  .option('--wait', 'until the node is out, or in again', false)
  .option('--timeout <duration>', 'with --wait: give up after this', '2m')
  .action(async (node: string, options) => (await import('./drain-command.ts')).drainCommand(node, options))

program
  .command('l2')
  .description('look at addresses that are announced by ARP and NDP')
  .command('timeline')
  .description('who answered for an address and when, and why that changed')
  .argument('<address>')
  .option('--admin <where>', 'Unix socket or URL of the admin API of a speaker; repeatable', collect, [])
  .option('--token <token>', 'bearer token for a URL', process.env.FAIRLEAD_TOKEN)
  .option('--capture <file>', 'what a client heard: a file that tcpdump -w wrote')
  .option('--since <duration>', 'only what happened in the last so long, such as 2m')
  .option('--json', 'print JSON', false)
  .action(async (address: string, options) =>
    (await import('./l2-command.ts')).layer2Timeline(address, withEnvironment(options)),
  )

const bgp = program.command('bgp').description('look at the BGP sessions of a node')
admin(
  bgp
    .command('peers')
    .description('the sessions, and why those that are down are down')
    .option('--wide', 'what both sides agreed on, and the last NOTIFICATION each way', false),
).action(async (options) => (await import('./bgp-command.ts')).bgpPeers(options))
admin(
  bgp.command('routes').description('what a peer has been sent, with attributes').argument('<peer>'),
).action(async (peer: string, options) => (await import('./bgp-command.ts')).bgpRoutes(peer, options))
admin(
  bgp.command('log').description('the last hundred messages of a session, in words').argument('<peer>'),
).action(async (peer: string, options) => (await import('./bgp-command.ts')).bgpLog(peer, options))

admin(
  program
    .command('bfd')
    .description('look at BFD')
    .command('sessions')
    .description('who is watched for whom, and how it stands'),
).action(async (options) => (await import('./bfd-command.ts')).bfdSessions(options))

const forwarding = program.command('forwarding').description("look at this node's forwarding")
forwarding
  .command('cleanup')
  .description('remove every nftables table of ours from this network namespace')
  .action(async () => (await import('./forwarding-command.ts')).cleanupForwarding())
admin(
  forwarding
    .command('trace')
    .description('what a packet would meet on the node behind the admin API of its speaker')
    .requiredOption('--from <address>', 'where it comes from')
    .requiredOption(
      '--to <target>',
      'where it goes: ADDRESS:PORT/PROTOCOL, [IPV6]:PORT/PROTOCOL or ADDRESS/icmp',
    )
    .option('--interface <name>', 'by which it comes in'),
).action(async (options) => (await import('./forwarding-trace.ts')).traceForwarding(options))
admin(
  forwarding
    .command('dump')
    .description('the plan and the kernel side by side')
    .option('--service <namespace/name>', 'this Service only')
    .option('--family <family>', '4 or 6')
    .option('--differences', 'only what is not as planned')
    .option('--limit <number>', 'Services shown at most, those with differences first'),
).action(async (options) => (await import('./forwarding-dump.ts')).dumpForwarding(options))

try {
  await program.parseAsync()
} catch (error) {
  console.error(`fairlead: ${error instanceof Error ? error.message : String(error)}`)
  // A process that could not start must not go on half started.
  process.exit(1)
}
