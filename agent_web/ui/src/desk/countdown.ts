/** What the clock beside the state counts: down to the end of the wrap-up, the pause or the break, up once a break is overdue. */
import type { NotReadyReason, View } from '../wire.gen'

export interface Countdown {
  /** A key of the texts. */
  readonly text: 'wrap_up_left' | 'pause_left' | 'break_left' | 'break_over' | 'break_overdue'
  /** When it ends, or ended; 0 when that is not known. */
  readonly at_ms: number
}

export function countdown(view: View, reasons: readonly NotReadyReason[]): Countdown | null {
  const at_ms = view.deadline_ms
  if (view.state === 'not_ready' && view.overdue) {
    const planned_ms = reasons.find((one) => one.reason === view.reason)?.planned_ms ?? 0
    return planned_ms ? { text: 'break_over', at_ms: view.since_ms + planned_ms } : { text: 'break_overdue', at_ms: 0 }
  }
  if (at_ms === 0) return null
  if (view.state === 'wrap_up') return { text: 'wrap_up_left', at_ms }
  if (view.state === 'ready' && view.paused) return { text: 'pause_left', at_ms }
  return view.state === 'not_ready' ? { text: 'break_left', at_ms } : null
}
