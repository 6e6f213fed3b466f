/** The live picture, and the orders in which it is read. */
import { batch, signal } from '@preact/signals'
import type { Board as Picture, BoardAgent, BoardCall, BoardQueue, BoardToPage, BoardToServer } from '../wire.gen'
import { learnTime } from '../shared/clock'
import { Line } from '../shared/socket'

/** The published promise is 80 % within the queue's time; after two minutes a caller belongs to an operator. */
export const LEVEL_TARGET = 0.8
const WAIT_WARN_MS = 20_000
const WAIT_BAD_MS = 120_000
const BEHIND_WARN_EVENTS = 1_000

export class BoardLine {
  readonly picture = signal<Picture | null>(null)
  readonly core_up = signal(true)
  readonly line = new Line<BoardToPage, BoardToServer>({ path: '/ws/board', onMessage: (message) => this.take(message) })

  take(message: BoardToPage): void {
    if (message.type === 'core') this.core_up.value = message.state === 'up'
    else if (message.type === 'board') {
      batch(() => {
        learnTime(message.now_ms)
        this.picture.value = message
      })
    }
  }
}

export type Level = 'warn' | 'bad' | undefined

export function waitLevel(since_ms: number, now_ms: number): Level {
  if (since_ms === 0) return undefined
  const waited_ms = now_ms - since_ms
  if (waited_ms >= WAIT_BAD_MS) return 'bad'
  return waited_ms >= WAIT_WARN_MS ? 'warn' : undefined
}

export function behindLevel(events: number): Level {
  return events >= BEHIND_WARN_EVENTS ? 'warn' : undefined
}

/** Of nothing there is no level. */
export function levelMet(share: number | null): boolean | undefined {
  return share === null ? undefined : share >= LEVEL_TARGET
}

export type AgentOrder = 'name' | 'team' | 'state' | 'since' | 'calls' | 'occupancy'

const STATES: readonly BoardAgent['state'][] = ['ringing', 'talking', 'wrap_up', 'ready', 'not_ready']

/** Equals by name in the reader's alphabet; by name nobody jumps about when a state changes. */
export function inOrder(agents: readonly BoardAgent[], language: string, order: AgentOrder): readonly BoardAgent[] {
  const { compare } = new Intl.Collator(language)
  const by: Record<AgentOrder, (one: BoardAgent, other: BoardAgent) => number> = {
    name: () => 0,
    team: (one, other) => compare(one.team, other.team),
    state: (one, other) => STATES.indexOf(one.state) - STATES.indexOf(other.state),
    since: (one, other) => one.since_ms - other.since_ms,
    calls: (one, other) => other.calls - one.calls,
    occupancy: (one, other) => (other.occupancy ?? -1) - (one.occupancy ?? -1),
  }
  return agents.toSorted(
    (one, other) => by[order](one, other) || compare(one.name, other.name) || compare(one.agent, other.agent),
  )
}

const MINUTE_MS = 60_000
const NEXT: readonly string[] = ['ringing', 'waiting']

/**
 * Those who wait in the order in which they will be taken, then everybody else by arrival. Over all queues: hazards first, then
 * by effective priority, which grows with the wait up to the queue's limit, then by arrival, then by id.
 */
export function byTurn(calls: readonly BoardCall[], queues: readonly BoardQueue[], now_ms: number): readonly BoardCall[] {
  const known = new Map(queues.map((one) => [one.queue, one]))
  const effective = (one: BoardCall): number => {
    const queue = known.get(one.queue)
    if (!queue) return one.priority
    const aged = Math.min((queue.aging_per_min * (now_ms - one.arrived_ms)) / MINUTE_MS, queue.aging_max)
    return queue.priority + one.priority + aged
  }
  const group = (one: BoardCall): number => (NEXT.includes(one.state) ? 0 : 1)
  return calls.toSorted(
    (one, other) =>
      group(one) - group(other) ||
      (group(one) === 0 ? Number(other.hazard) - Number(one.hazard) || effective(other) - effective(one) : 0) ||
      one.arrived_ms - other.arrived_ms ||
      (one.call < other.call ? -1 : 1),
  )
}
