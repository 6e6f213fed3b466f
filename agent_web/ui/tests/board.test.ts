import { expect, test } from 'vitest'
import { behindLevel, BoardLine, inOrder, waitLevel } from '../src/board/board'
import type { BoardAgent } from '../src/wire.gen'

function agent(name: string, state: BoardAgent['state']): BoardAgent {
  return { agent: name, name, state, reason: '', since_ms: 0, audio: 'none', call: '', queues: [] }
}

test('operators stand in the order of the reader’s alphabet, those logged out last', () => {
  const agents = [agent('Zeynep', 'ready'), agent('Şule', 'talking'), agent('Ali', 'logged_out'), agent('Sema', 'ringing'), agent('Çınar', 'ready')]
  expect(inOrder(agents, 'tr').map((one) => one.name)).toEqual(['Çınar', 'Sema', 'Şule', 'Zeynep', 'Ali'])
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

test('the latest picture is the picture', () => {
  const board = new BoardLine()
  const picture = { type: 'board', at_ms: 1, now_ms: Date.now(), queues: [], agents: [], calls: [], calls_live: 0, store_behind: 0, edges: [] } as const
  board.take(picture)
  board.take({ ...picture, calls_live: 2 })
  board.take({ type: 'core', state: 'away' })
  expect(board.picture.value?.calls_live).toBe(2)
  expect(board.core_up.value).toBe(false)
})
