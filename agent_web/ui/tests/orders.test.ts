import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { OneOrder } from '../src/orders/order'
import { Register, ROWS_MAX } from '../src/orders/register'
import { Failure } from '../src/shared/api'
import type { Order, OrderPage, OrderRow } from '../src/wire.gen'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

function row(id: number, more: Partial<OrderRow> = {}): OrderRow {
  return {
    id,
    tracking_number: `2026-${String(id).padStart(6, '0')}`,
    call: '',
    category: 'water_fault',
    caller_phone: '',
    citizen_name: '',
    address: '',
    district: '',
    priority: 'normal',
    status: 'new',
    created_by: 'Ayşe',
    created_at_ms: 0,
    updated_at_ms: 0,
    deadline_ms: 0,
    version: 1,
    ...more,
  }
}

function order(version: number, more: Partial<Order> = {}): Order {
  return { ...row(5, { version }), description: 'first', history: [], ...more }
}

/** A server whose answers the test gives when it likes. */
class Server {
  readonly asked: { query: Record<string, string>; answer: (page: OrderPage) => void; fail: (why: Error) => void }[] = []

  readonly load = (query: Record<string, string>): Promise<OrderPage> =>
    new Promise((answer, fail) => void this.asked.push({ query, answer, fail }))

  async answer(index: number, orders: OrderRow[], next: number | null = null): Promise<void> {
    this.asked[index]?.answer({ orders, next })
    await vi.advanceTimersByTimeAsync(0)
  }
}

const NO_FILTER = { status: '', category: '', text: '' }
const ids = (register: Register): number[] => register.rows.value.map((one) => one.id)

async function shown(rows: OrderRow[], next: number | null = null, filter = NO_FILTER): Promise<[Register, Server]> {
  const server = new Server()
  const register = new Register(server.load)
  void register.show(filter)
  await server.answer(0, rows, next)
  return [register, server]
}

test('a new order stands on top, a changed one changes in its place', async () => {
  const [register] = await shown([row(3), row(2), row(1)])
  register.changed(row(4))
  register.changed(row(2, { version: 2, status: 'done' }))
  expect(ids(register)).toEqual([4, 3, 2, 1])
  expect(register.rows.value[2]?.status).toBe('done')
})

test('of two versions the larger counts, whichever came first', async () => {
  const [register, server] = await shown([row(1, { version: 3 })])
  register.changed(row(1, { version: 2, status: 'waiting' }))
  expect(register.rows.value[0]?.status).toBe('new')
  void register.reload()
  register.changed(row(1, { version: 4, status: 'done' }))
  await server.answer(1, [row(1, { version: 3 })])
  expect(register.rows.value[0]?.status).toBe('done')
})

test('an order that leaves the filter leaves the list, and one that meets it comes', async () => {
  const [register] = await shown([row(2), row(1)], null, { ...NO_FILTER, status: 'new' })
  register.changed(row(1, { version: 2, status: 'done' }))
  register.changed(row(3))
  register.changed(row(4, { status: 'waiting' }))
  expect(ids(register)).toEqual([3, 2])
})

test('an order beyond the last page that was loaded stays there', async () => {
  const [register] = await shown([row(9), row(8)], 8)
  register.changed(row(3, { version: 2 }))
  expect(ids(register)).toEqual([9, 8])
})

test('more is asked for once and follows behind', async () => {
  const [register, server] = await shown([row(9), row(8)], 8)
  void register.more()
  void register.more()
  expect(server.asked).toHaveLength(2)
  expect(server.asked[1]?.query).toMatchObject({ before: '8' })
  register.changed(row(10))
  await server.answer(1, [row(7)], null)
  expect(ids(register)).toEqual([10, 9, 8, 7])
  expect(register.next.value).toBeNull()
})

test('the answer to a former filter is of no interest', async () => {
  const server = new Server()
  const register = new Register(server.load)
  void register.show(NO_FILTER)
  void register.show({ ...NO_FILTER, status: 'done' })
  await server.answer(1, [row(2, { status: 'done' })])
  await server.answer(0, [row(3), row(1)])
  expect(ids(register)).toEqual([2])
})

test('a search asks the server whether news belong to it, not too often', async () => {
  const [register, server] = await shown([row(1)], null, { ...NO_FILTER, text: 'bağdat' })
  for (let id = 2; id < 20; id += 1) register.changed(row(id))
  expect(ids(register)).toEqual([1])
  await vi.advanceTimersByTimeAsync(1_000)
  expect(server.asked).toHaveLength(2)
  register.stop()
})

test('the list has an end, and the rest can be had', async () => {
  const many = Array.from({ length: ROWS_MAX }, (_, index) => row(ROWS_MAX - index))
  const [register] = await shown(many)
  register.changed(row(ROWS_MAX + 1))
  expect(register.rows.value).toHaveLength(ROWS_MAX)
  expect(register.next.value).toBe(2)
})

test('a failure is told and the list stays', async () => {
  const [register, server] = await shown([row(1)])
  void register.reload()
  server.asked[1]?.fail(new Failure('database_away', 503, null, 1))
  await vi.advanceTimersByTimeAsync(0)
  expect(register.problem.value).not.toBe('')
  expect(ids(register)).toEqual([1])
})

test('a change names the version on the page; a conflict shows what is there and keeps the text', async () => {
  const there = order(2, { description: 'theirs' })
  const patches: unknown[] = []
  const one = new OneOrder(
    5,
    async () => order(1),
    async (_id, patch) => {
      patches.push(patch)
      if (patch.version === 1) throw new Failure('version_conflict', 409, { error: '', text: '', errors: [], order: there } as never, 0)
      return order(3, { description: patch.description ?? '' })
    },
  )
  await one.reload()
  one.beginEdit()
  one.write('mine')
  await one.saveEdit()
  expect(one.order.value?.description).toBe('theirs')
  expect(one.edit.value?.text).toBe('mine')
  expect(one.changed_elsewhere.value).toBe(true)
  await one.saveEdit()
  expect(patches).toEqual([
    { version: 1, description: 'mine' },
    { version: 2, description: 'mine' },
  ])
  expect(one.order.value?.description).toBe('mine')
  expect(one.edit.value).toBeNull()
  expect(one.changed_elsewhere.value).toBe(false)
})

test('a change made elsewhere is loaded and said; our own echo is not', async () => {
  let version = 1
  let loads = 0
  const one = new OneOrder(
    5,
    async () => {
      loads += 1
      return order(version)
    },
    async () => order((version += 1), { status: 'done' }),
  )
  await one.reload()
  await one.setStatus('done')
  one.heard(row(5, { version: 2 }))
  one.heard(row(6, { version: 9 }))
  expect(loads).toBe(1)
  expect(one.changed_elsewhere.value).toBe(false)
  version = 3
  one.heard(row(5, { version: 3 }))
  await vi.advanceTimersByTimeAsync(0)
  expect(one.order.value?.version).toBe(3)
  expect(one.changed_elsewhere.value).toBe(true)
})

test('an order that is not there is said to be missing', async () => {
  const one = new OneOrder(5, () => Promise.reject(new Failure('not_found', 404, null, 0)))
  await one.reload()
  expect(one.missing.value).toBe(true)
  expect(one.problem.value).toBe('')
})
