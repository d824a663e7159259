import { silenceReasons, takeOverCauses, type Layer2Happening } from '#speaker/layer2/errors.ts'
import { doubts } from '#speaker/layer2/suspicion.ts'

/** How a happening reads in a timeline, and what it says about answering on its node. */
export interface Words {
  readonly text: string
  /** from then on the node answers for the address, or does not; absent: as before */
  readonly answers?: boolean
  /** whether it answered until then, where the happening says so */
  readonly answered?: boolean
}

export const happeningWords: Readonly<Record<Layer2Happening, Words>> = {
  claiming: { text: 'asks the wire whether it may answer', answers: false, answered: false },
  took: { text: 'answers from now on', answers: true, answered: false },
  announced: { text: 'has announced it', answers: true, answered: true },
  fenced: { text: 'leaves it to the node that answered', answers: false, answered: false },
  yielded: { text: 'gives way to the other, which goes first', answers: false, answered: true },
  insisted: { text: 'announces it again, because it goes before the other', answers: true, answered: true },
  handingOver: { text: 'answers until the other has announced it', answers: true, answered: true },
  handedOver: { text: 'is silent, since the other has announced it', answers: false, answered: true },
  heardClaim: { text: 'hears that the other holds it' },
  unanswered: { text: 'asked the holder, which was silent' },
  conflict: { text: 'hears a machine outside the cluster use it', answers: true, answered: true },
  inUse: { text: 'leaves it alone: a machine outside the cluster uses it', answers: false, answered: false },
  silent: { text: 'does not answer any more', answers: false, answered: true },
  thawed: { text: 'stood still, and asks the wire before it answers again', answers: false },
  neighborAlive: { text: 'hears the speaker of the other' },
  neighborDead: { text: 'takes the speaker of the other for dead' },
  neighborSilent: { text: 'takes the speaker of the other for dead before BFD does' },
  neighborLeft: { text: 'was told by the other that it leaves' },
  backOnWire: { text: 'hears frames of the other, which it had taken for dead' },
  sharedMac: { text: 'sees two nodes with one hardware address' },
  eventsLost: { text: 'had more to tell than it could keep' },
}

const causes: Readonly<Record<string, string>> = { ...silenceReasons, ...takeOverCauses, ...doubts }

/** Of a happening that a newer speaker may know and this program not. */
export function wordsOf(what: string, cause: string | undefined): Words {
  const known = Object.hasOwn(happeningWords, what) ? happeningWords[what as Layer2Happening] : { text: what }
  if (cause === undefined) return known
  return { ...known, text: `${known.text}: ${causes[cause] ?? cause}` }
}
