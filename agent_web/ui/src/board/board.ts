/** The live picture: replaced whole with every message. */
import { batch, signal } from '@preact/signals'
import type { Board as Picture, BoardAgent, BoardToPage, BoardToServer } from '../wire.gen'
import { learnTime } from '../shared/clock'
import { Line } from '../shared/socket'

/** The published promise is 80 % within 20 s; after two minutes a caller belongs to an operator. */
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

/** By name in the reader's alphabet, those who are logged out last; nobody jumps about when a state changes. */
export function inOrder(agents: readonly BoardAgent[], language: string): readonly BoardAgent[] {
  const { compare } = new Intl.Collator(language)
  const away = (one: BoardAgent): number => (one.state === 'logged_out' ? 1 : 0)
  return agents.toSorted((one, other) => away(one) - away(other) || compare(one.name, other.name) || compare(one.agent, other.agent))
}
