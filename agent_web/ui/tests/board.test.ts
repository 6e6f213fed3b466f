import { expect, test } from 'vitest'
import { behindLevel, BoardLine, byTurn, inOrder, levelMet, waitLevel, type AgentOrder } from '../src/board/board'
import type { BoardAgent, BoardCall, BoardQueue } from '../src/wire.gen'

function agent(name: string, state: BoardAgent['state'], fields: Partial<BoardAgent> = {}): BoardAgent {
  return {
    agent: name, name, team: '', state, reason: '', since_ms: 0, audio: 'none', call: '', queues: [], calls: 0, dialled: 0, occupancy: null, overdue: false, paused: false,
    ...fields,
  }
}

function call(id: string, fields: Partial<BoardCall> = {}): BoardCall {
  return {
    call: id, caller: '', outbound: false, service: '', state: 'waiting', since_ms: 0, arrived_ms: 0, queue: 'faults', agent: '', ringing: [], vip: false, hazard: false,
    repeat: 0, only: '', priority: 0, steps: [],
    ...fields,
  }
}

function queue(id: string, fields: Partial<BoardQueue>): BoardQueue {
  return {
    queue: id, name: id, strategy: 'longest_idle', priority: 0, aging_per_min: 0, aging_max: 0, waiting: 0, longest_since_ms: 0, talking: 0, agents: 0,
    ready: 0, entered: 0, answered: 0, abandoned: 0, short_abandoned: 0, service_level: null, service_level_ms: 20_000, asa_ms: null, aht_ms: null,
    longest_wait_ms: 0,
    ...fields,
  }
}

test('operators stand in the order of the reader’s alphabet', () => {
  const agents = [agent('Zeynep', 'ready'), agent('Şule', 'talking'), agent('Ali', 'wrap_up'), agent('Sema', 'ringing'), agent('Çınar', 'ready')]
  expect(inOrder(agents, 'tr', 'name').map((one) => one.name)).toEqual(['Ali', 'Çınar', 'Sema', 'Şule', 'Zeynep'])
})

test.each<[AgentOrder, string]>([
  ['team', 'Ali Can Ece Bora'],
  ['state', 'Bora Can Ece Ali'],
  ['since', 'Can Bora Ali Ece'],
  ['calls', 'Ece Bora Ali Can'],
  ['occupancy', 'Bora Can Ali Ece'],
])('operators by %s: equals by name', (order, expected) => {
  const agents = [
    agent('Ece', 'wrap_up', { team: 'A', since_ms: 40, calls: 9 }),
    agent('Bora', 'ringing', { team: 'B', since_ms: 20, calls: 5, occupancy: 0.9 }),
    agent('Ali', 'not_ready', { team: 'A', since_ms: 30, occupancy: 0.1 }),
    agent('Can', 'talking', { team: 'A', since_ms: 10, occupancy: 0.5 }),
  ]
  expect(inOrder(agents, 'tr', order).map((one) => one.name).join(' ')).toBe(expected)
})

test('those who wait stand as they will be taken: hazards, effective priority, arrival, id; the others behind them by arrival', () => {
  const queues = [queue('faults', { aging_per_min: 2, aging_max: 6 }), queue('records', { priority: 5 })]
  const now_ms = 600_000
  const calls = [
    call('talks', { state: 'talking', arrived_ms: 1, hazard: true }),
    call('menu', { state: 'menu', arrived_ms: 2 }),
    call('new', { arrived_ms: now_ms - 60_000 }), // 2
    call('aged', { arrived_ms: now_ms - 240_000 }), // 6, the cap
    call('b-records', { queue: 'records', arrived_ms: now_ms - 90_000 }), // 5
    call('a-records', { queue: 'records', arrived_ms: now_ms - 90_000 }), // 5
    call('vip', { state: 'ringing', priority: 9, arrived_ms: now_ms - 1_000 }), // 9 and a little
    call('hazard', { hazard: true, arrived_ms: now_ms }),
    call('elsewhere', { queue: 'gone', arrived_ms: 0 }), // 0
  ]
  expect(byTurn(calls, queues, now_ms).map((one) => one.call)).toEqual([
    'hazard', 'vip', 'aged', 'a-records', 'b-records', 'new', 'elsewhere', 'talks', 'menu',
  ])
})

test('a long wait stands out', () => {
  expect([0, 1_000, 19_999, 20_000, 119_999, 120_000].map((wait_ms) => waitLevel(1_000_000 - wait_ms, 1_000_000))).toEqual([
    undefined,
    undefined,
    undefined,
    'warn',
    'warn',
    'bad',
  ])
  expect(waitLevel(0, 1_000_000)).toBeUndefined()
  expect([0, 999, 1_000].map(behindLevel)).toEqual([undefined, undefined, 'warn'])
})

test('a service level is met, missed, or there is none', () => {
  expect([0.799, 0.8, 1, null].map(levelMet)).toEqual([false, true, true, undefined])
})

test('the latest picture is the picture', () => {
  const board = new BoardLine()
  const picture = {
    type: 'board', at_ms: 1, now_ms: Date.now(), queues: [], agents: [], calls: [], callbacks: [], calls_live: 0, callbacks_open: 0, mode: 'normal', store_behind: 0, edges: [],
  } as const
  board.take(picture)
  board.take({ ...picture, calls_live: 2 })
  board.take({ type: 'core', state: 'away' })
  expect(board.picture.value?.calls_live).toBe(2)
  expect(board.core_up.value).toBe(false)
})
