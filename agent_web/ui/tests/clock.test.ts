import { expect, test, vi } from 'vitest'
import { duration, learnTime, now_ms } from '../src/shared/clock'

test.each([
  [-5_000, '0:00'],
  [0, '0:00'],
  [999, '0:00'],
  [59_999, '0:59'],
  [60_000, '1:00'],
  [3_599_000, '59:59'],
  [3_600_000, '1:00:00'],
  [90_061_000, '25:01:01'],
])('%d ms is %s', (length_ms, text) => {
  expect(duration(length_ms)).toBe(text)
})

test('durations go by the clock of the server', () => {
  vi.useFakeTimers({ now: 5_000 })
  learnTime(3_605_000)
  expect(now_ms()).toBe(3_605_000)
  vi.setSystemTime(6_000)
  expect(now_ms()).toBe(3_606_000)
  vi.useRealTimers()
})
