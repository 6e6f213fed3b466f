/** What edges tell of themselves, and the messages of the call that is watched. */
import { batch, signal } from '@preact/signals'
import type { EdgeSource, EdgeState, EdgeTrunk, TelephonyToPage, TelephonyToServer, TraceLine } from '../wire.gen'
import { t } from '../i18n'
import type { Key } from '../i18n/en'
import { learnTime } from '../shared/clock'
import { Line } from '../shared/socket'

/** Messages kept on the page; the oldest go. */
export const LINES_MAX = 500

/** An edge is well at 0; from the second step on callers are turned away. */
const STEP_BAD = 2

export class TelephonyLine {
  readonly edges = signal<readonly EdgeState[] | null>(null)
  readonly core_up = signal(true)
  readonly watched = signal('')
  readonly messages = signal<readonly TraceLine[]>([])
  readonly line = new Line<TelephonyToPage, TelephonyToServer>({ path: '/ws/telephony', onMessage: (message) => this.take(message) })

  /** `call`: one to watch from the beginning. */
  constructor(call = '') {
    this.watched.value = call
  }

  take(message: TelephonyToPage): void {
    if (message.type === 'core') this.core_up.value = message.state === 'up'
    else if (message.type === 'edges') {
      batch(() => {
        learnTime(message.now_ms)
        this.edges.value = message.edges
      })
    } else if (message.type === 'trace' && message.call === this.watched.value) {
      this.messages.value = [...this.messages.value, ...message.lines].slice(-LINES_MAX)
    }
  }

  watch(call: string): void {
    batch(() => {
      this.watched.value = call
      this.messages.value = []
    })
    this.line.send({ type: 'watch_call', call })
  }

  /** The line came back: the server knows nothing of what was watched, and tells it from its beginning. */
  watchAgain(): void {
    if (this.watched.value) this.watch(this.watched.value)
  }
}

export function stepState(step: number): 'ready' | 'ringing' | 'lost' {
  if (step === 0) return 'ready'
  return step >= STEP_BAD ? 'lost' : 'ringing'
}

/** A trunk that is up may have no line left. */
export function trunkState(trunk: EdgeTrunk): 'up' | 'full' | 'down' {
  if (!trunk.up) return 'down'
  return trunk.live >= trunk.capacity ? 'full' : 'up'
}

/** Edges say why in English, as they write it into their logs. */
const TRUNK_REASONS: readonly (readonly [said: RegExp, text: Key])[] = [
  [/^no answer to OPTIONS$/, 'trunk_why_silent'],
  [/^not registered yet$/, 'trunk_why_unregistered'],
  [/^registration refused with (?<what>\d+)$/, 'trunk_why_refused'],
  [/^calls failed with (?<what>\d+)$/, 'trunk_why_failed'],
  [/^(?<what>\S+) has no address$/, 'trunk_why_no_address'],
]

/** In the words of the page; what it does not know as it is. */
export function whyTrunk(reason: string): string {
  for (const [said, text] of TRUNK_REASONS) {
    const found = said.exec(reason)
    if (found) return t(text, { what: found.groups?.['what'] ?? '' })
  }
  return reason
}

/** A source as it stands in the table: of all edges together. */
export interface Source extends EdgeSource {
  readonly edges: readonly string[]
}

/** Those who are banned first, then those who did most. */
export function sourcesOf(edges: readonly EdgeState[]): readonly Source[] {
  const found = new Map<string, Source>()
  for (const edge of edges) {
    for (const one of edge.sources) {
      const known = found.get(one.source)
      found.set(one.source, known ? joined(known, one, edge.edge) : { ...one, edges: [edge.edge] })
    }
  }
  const done = (one: Source): number => Object.values(one.kinds).reduce((sum, count) => sum + count, 0)
  return [...found.values()].toSorted(
    (one, other) =>
      Number(other.banned_until_ms > 0) - Number(one.banned_until_ms > 0) || done(other) - done(one) || (one.source < other.source ? -1 : 1),
  )
}

function joined(known: Source, one: EdgeSource, edge: string): Source {
  const kinds = { ...known.kinds }
  for (const [kind, count] of Object.entries(one.kinds)) kinds[kind] = (kinds[kind] ?? 0) + count
  return {
    ...known,
    kinds,
    edges: [...known.edges, edge],
    banned_until_ms: Math.max(known.banned_until_ms, one.banned_until_ms),
    last_ms: Math.max(known.last_ms, one.last_ms),
    scanner: known.scanner || one.scanner,
  }
}

/** What a message is called: its method and who is asked for, or its status. */
export function titleOf(text: string): string {
  const first = text.split('\r\n', 1)[0] ?? ''
  if (first.startsWith('SIP/2.0 ')) {
    const method = /^cseq[ \t]*:[ \t]*\d+[ \t]+(\S+)/im.exec(text)?.[1]
    return first.slice(8) + (method ? ` (${method})` : '')
  }
  const [method = '', uri = ''] = first.split(' ')
  const user = /^sips?:([^@;>]+)@/.exec(uri)?.[1]
  return user ? `${method} ${user}` : method
}
