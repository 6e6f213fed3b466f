import { expect, test } from 'vitest'
import { countdown } from '../src/desk/countdown'
import type { View } from '../src/wire.gen'

const reasons = [
  { reason: 'break', paid: true, planned_ms: 900_000 },
  { reason: 'training', paid: true, planned_ms: 0 },
]

function view(fields: Partial<View>): View {
  return {
    type: 'view', revision: 1, now_ms: 0, state: 'not_ready', since_ms: 1_000, reason: 'break', next_reason: '', deadline_ms: 0,
    paused: false, overdue: false, can_extend: false, audio: 'none', phone: '', phone_registered: false, offer: null, call: null,
    ...fields,
  }
}

test.each([
  ['a wrap-up counts down', { state: 'wrap_up', deadline_ms: 9 }, { text: 'wrap_up_left', at_ms: 9 }],
  ['a pause counts down', { state: 'ready', paused: true, deadline_ms: 9 }, { text: 'pause_left', at_ms: 9 }],
  ['a planned break counts down', { deadline_ms: 9 }, { text: 'break_left', at_ms: 9 }],
  ['an overdue break counts up from its planned end', { overdue: true, deadline_ms: 5_000_000 }, { text: 'break_over', at_ms: 901_000 }],
  ['an overdue break without a length in the present plan', { overdue: true, reason: 'training' }, { text: 'break_overdue', at_ms: 0 }],
  ['nothing to count', {}, null],
  ['ready without a pause', { state: 'ready' }, null],
  ['the pop-up counts by itself', { state: 'ringing', deadline_ms: 9 }, null],
] as const)('%s', (_, fields, expected) => {
  expect(countdown(view(fields), reasons)).toEqual(expected)
})
