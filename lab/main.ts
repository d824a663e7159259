import { Command } from 'commander'
import { callControl } from './control.ts'
import { demonstrate, printNext } from './demonstration.ts'
import { LabError, messageOf } from './errors.ts'
import { execInLab } from './exec.ts'
import { FAULTS, type FaultKind } from './faults.ts'
import { follow, type Ending } from './foreground.ts'
import { forwardingSession } from './forwarding-session/session.ts'
import type { LabInfo } from './info.ts'
import { launch } from './launcher.ts'
import { parseName, parseOptions, type RawOptions } from './options.ts'
import { labFiles, readState, removeDirectory, type LabFiles } from './state-directory.ts'
import { waitUntilDead } from './wait-until-dead.ts'

/** The commands of the lab: `npm run lab`, `npm run -s lab -- up|forwarding|info|exec|fault|down`. */

const print = (line: string): void => console.log(line)

interface Named {
  readonly name: string
}

const withOptions = (command: Command): Command =>
  command
    .option('--name <name>', 'several labs run side by side under different names', 'default')
    .option('--nodes <count>', 'machines of the cluster', '3')
    .option('--router <kind>', 'bird, frr, gobgp or none', 'bird')
    .option('--families <families>', 'of pods and Services: 4, 6 or 46', '46')
    .option('--forwarding <mode>', 'full: Fairlead forwards Services; off: nobody does', 'full')
    .option('--speaker-options <words>', 'further arguments of every speaker, such as "--masquerade-all"', '')
    .option('--no-speakers', 'start no speakers')
    .option('--no-controller', 'start no controller')
    .option('--controllers <count>', 'replicas of the controller', '1')

const withName = (command: Command): Command => command.option('--name <name>', 'of the lab', 'default')

function program(): Command {
  const lab = new Command('lab')
    .description('A whole cluster in private network namespaces. Without a command: set up and demonstrate.')
    .enablePositionalOptions()
  withOptions(lab.command('demo', { isDefault: true }))
    .description('set up, demonstrate, stay until Ctrl-C')
    .action((raw: RawOptions) => demo(raw))
  withOptions(lab.command('up'))
    .description('set up and stay until Ctrl-C')
    .option('--detach', 'return when the lab is usable and leave it running')
    .action((raw: RawOptions & { detach?: boolean }) => up(raw))
  withOptions(lab.command('forwarding'))
    .description(
      'set up, ask every kind of Service from every kind of place, and end; 0 when all is as it should be',
    )
    .action((raw: RawOptions) => forwarding(raw))
  withName(lab.command('info'))
    .description('everything another program needs to use the lab, as JSON')
    .action(({ name }: Named) => info(name))
  withName(lab.command('exec'))
    .description('run a command in the lab: PLACE is client, router, node/NAME or pod/NAMESPACE/NAME')
    .argument('<place>')
    .argument('<command...>')
    .passThroughOptions()
    .action(async (place: string, command: string[], { name }: Named) => {
      const words = command[0] === '--' ? command.slice(1) : command
      if (words.length === 0) throw new LabError('FL_LAB_OPTION', 'exec needs a command after the place')
      process.exitCode = await execInLab(parseName(name), place, words)
    })
  withName(lab.command('fault'))
    .description(`let something fail: ${Object.keys(FAULTS).join(', ')}`)
    .argument('<kind>')
    .argument(
      '[target]',
      'a node, several (node1,node2), or a replica of the controller: controller, controller-2 …',
    )
    .action((kind: string, node: string | undefined, { name }: Named) => fault(name, kind, node))
  withName(lab.command('down'))
    .description('end the lab; nothing is left of it')
    .action(({ name }: Named) => down(name))
  return lab
}

async function demo(raw: RawOptions): Promise<void> {
  const options = parseOptions(raw)
  if (!options.families.includes(4) || !options.speakers || options.controllers === 0) {
    throw new LabError('FL_LAB_OPTION', 'the demonstration needs IPv4, speakers and controller; use "lab up"')
  }
  const begun = performance.now()
  print(`Setting up a lab of ${options.nodes} nodes in private network namespaces …`)
  const running = await launch(options)
  const ending = follow(running, print)
  printMachines(running.info, running.ms)
  try {
    const address = await Promise.race([demonstrate(running.info, print, begun), ending.begun])
    if (typeof address === 'string') printNext(running.info, address, print)
  } catch (error) {
    if (!ending.hasBegun()) {
      await running.stop()
      throw error
    }
  }
  await finish(ending)
}

async function up(raw: RawOptions & { detach?: boolean }): Promise<void> {
  const options = parseOptions(raw)
  const running = await launch(options)
  if (raw.detach) {
    running.detach()
    print(`lab ${options.name} is up (${running.ms} ms), kubeconfig ${running.info.kubeconfig}`)
    return
  }
  const ending = follow(running, print)
  printMachines(running.info, running.ms)
  printNext(running.info, '', print)
  await finish(ending)
}

/** Needs what the demonstration needs, both families and three nodes. */
async function forwarding(raw: RawOptions): Promise<void> {
  const options = parseOptions(raw)
  const { families, nodes, speakers, controllers, forwarding: mode } = options
  if (families.length < 2 || nodes < 3 || !speakers || controllers === 0 || mode !== 'full') {
    throw new LabError(
      'FL_LAB_OPTION',
      'the session needs both families, three nodes, speakers, controller and --forwarding full',
    )
  }
  const running = await launch(options)
  try {
    printMachines(running.info, running.ms)
    const wrong = await forwardingSession(running.info, print)
    process.exitCode = wrong === 0 ? 0 : 1
  } finally {
    await running.stop()
  }
}

async function finish(ending: Ending): Promise<void> {
  process.exitCode = await ending.exitCode
}

function printMachines(info: LabInfo, ms: number): void {
  const line = (name: string, addresses: readonly string[], more: string) =>
    print(`   ${name.padEnd(8)} ${addresses[0].padEnd(14)} ${addresses[1].padEnd(22)} ${more}`)
  print(`== The lab is up (${(ms / 1000).toFixed(1)} s)`)
  line('client', info.client.addresses, info.client.mac)
  const { kind, addresses, asn } = info.router
  if (kind !== 'none') line('router', addresses, `${kind}, AS ${asn}`)
  for (const node of info.nodes)
    line(node.name, node.addresses, `${node.mac}  pods ${node.podCIDRs.join(' ')}`)
}

/** @throws LabError FL_LAB_NOT_RUNNING */
function filesOfRunning(name: string): LabFiles {
  const files = labFiles(parseName(name))
  if (readState(files)?.phase !== 'up') {
    throw new LabError(
      'FL_LAB_NOT_RUNNING',
      `no lab named ${name} is running; start one with "lab up --detach"`,
    )
  }
  return files
}

async function info(name: string): Promise<void> {
  print(JSON.stringify(await callControl(filesOfRunning(name), 'info', {}), null, 2))
}

async function fault(name: string, kind: string, node: string | undefined): Promise<void> {
  if (!Object.hasOwn(FAULTS, kind)) {
    const known = Object.entries(FAULTS).map(([one, { does }]) => `\n  ${one.padEnd(15)} ${does}`)
    throw new LabError('FL_LAB_FAULT', `unknown fault ${kind}; there are:${known.join('')}`)
  }
  const given = { kind: kind as FaultKind, ...(node === undefined ? {} : { node }) }
  print((await callControl(filesOfRunning(name), 'fault', given)).done)
}

async function down(name: string): Promise<void> {
  const files = labFiles(parseName(name))
  const state = readState(files)
  if (state === undefined) {
    removeDirectory(files)
    print(`no lab named ${name} is running`)
    return
  }
  await waitUntilDead(state, files)
  removeDirectory(files)
  print(`lab ${name} is down`)
}

program()
  .parseAsync()
  .catch((error: unknown) => {
    console.error(`lab: ${error instanceof LabError ? error.message : messageOf(error)}`)
    process.exitCode = 1
  })
