import { expect, test } from 'vitest'
import { Drafts, toOrder, touched } from '../src/desk/forms'

/** The browser's storage, kept across "reloads". */
class Box {
  readonly kept = new Map<string, string>()
  full = false

  getItem(key: string): string | null {
    return this.kept.get(key) ?? null
  }

  setItem(key: string, value: string): void {
    if (this.full) throw new DOMException('full', 'QuotaExceededError')
    this.kept.set(key, value)
  }

  removeItem(key: string): void {
    this.kept.delete(key)
  }
}

function drafts(box: Box, user = 'ayse'): Drafts {
  let made = 0
  return new Drafts(box as unknown as Storage, user, () => `key-${(made += 1)}-${box.kept.size}`)
}

test('a call has one form, with its number when it is one', () => {
  const all = drafts(new Box())
  const draft = all.forCall('c-1', '05321234567')
  expect(all.forCall('c-1', '05321234567').key).toBe(draft.key)
  expect(draft.caller_phone).toBe('05321234567')
  expect(all.forCall('c-2', 'anonymous').caller_phone).toBe('')
})

test('every keystroke survives a reload', () => {
  const box = new Box()
  const before = drafts(box)
  const { key } = before.forCall('c-1', '0532')
  before.change(key, 'description', 'Su bas')
  before.change(key, 'description', 'Su bastı')
  expect(drafts(box).find(key)?.description).toBe('Su bastı')
})

test('the next call takes no text away; only untouched forms go', () => {
  const all = drafts(new Box())
  const first = all.forCall('c-1', '0532')
  all.change(first.key, 'address', 'Bağdat Cd. 4')
  const second = all.forCall('c-2', '0533')
  all.forCall('c-3', '0534')
  expect(all.find(first.key)?.address).toBe('Bağdat Cd. 4')
  expect(all.find(second.key)).toBeUndefined()
})

test('a form goes when it was saved', () => {
  const box = new Box()
  const all = drafts(box)
  const { key } = all.forCall('c-1', '0532')
  all.change(key, 'description', 'x')
  all.remove(key)
  expect(all.all.value).toEqual([])
  expect(box.kept.size).toBe(0)
})

test('a full or damaged store costs nothing but itself', () => {
  const box = new Box()
  box.kept.set('santral.drafts', '[{"key":1},"x",{"key":')
  expect(drafts(box).all.value).toEqual([])
  box.kept.set('santral.drafts', '[{"key":1},null,"x"]')
  const all = drafts(box)
  expect(all.all.value).toEqual([])
  box.full = true
  const { key } = all.forCall('c-1', '0532')
  all.change(key, 'description', 'still here')
  expect(all.find(key)?.description).toBe('still here')
})

test('what is sent is trimmed and its phone number is digits', () => {
  const all = drafts(new Box())
  const { key } = all.forCall('c-1', '')
  all.change(key, 'caller_phone', '+90 (532) 123-45 67')
  all.change(key, 'description', '  pipe burst\n')
  const draft = all.find(key)
  if (!draft) throw new Error('the form is gone')
  expect(touched(draft)).toBe(true)
  expect(toOrder(draft)).toMatchObject({ key, call: 'c-1', caller_phone: '+905321234567', description: 'pipe burst' })
})

test('a number that was taken down by hand is text like any other', () => {
  const all = drafts(new Box())
  const withheld = all.forCall('c-1', 'anonymous')
  expect(touched(withheld)).toBe(false)
  all.change(withheld.key, 'caller_phone', '0532 123 45 67')
  all.forCall('c-2', '0533')
  expect(all.find(withheld.key)?.caller_phone).toBe('0532 123 45 67')
  expect(toOrder(all.find(withheld.key)!)).not.toHaveProperty('caller')
})

test('who logs in next at the same tab sees no forms of another', () => {
  const box = new Box()
  const { key } = drafts(box).forCall('c-1', '0532')
  drafts(box).change(key, 'citizen_name', 'Ali Veli')
  expect(drafts(box, 'mehmet').all.value).toEqual([])
  expect(drafts(box).find(key)?.citizen_name).toBe('Ali Veli')
})

test('what a form became is known after a reload, the latest last', () => {
  const box = new Box()
  const order = (id: number) => ({ id, call: `c-${id}`, tracking_number: `2026-00000${id}` })
  for (const id of [1, 2, 1]) drafts(box).became(order(id) as never)
  expect(drafts(box).saved.value).toEqual([order(2), order(1)])
  expect(drafts(box, 'mehmet').saved.value).toEqual([])
})
