import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { CLOSED_LET_GO, CLOSED_LOGGED_OUT, CLOSED_TAKEN_OVER, Line, pause_ms } from '../src/shared/socket'

type In = { readonly type: 'ping'; readonly n: number } | { readonly type: 'news'; readonly text: string }
type Out = { readonly type: 'hello' } | { readonly type: 'pong'; readonly n: number }

/** The far end, played by the test. */
class Peer {
  readyState = 0
  said: unknown[] = []
  closed_with: number | undefined
  onopen: (() => void) | null = null
  onmessage: ((event: { data: string }) => void) | null = null
  onclose: ((event: { code: number }) => void) | null = null

  constructor(readonly url: string) {}

  send(text: string): void {
    this.said.push(JSON.parse(text))
  }

  close(code = 1000): void {
    this.readyState = 3
    this.closed_with = code
  }

  accept(): void {
    this.readyState = 1
    this.onopen?.()
  }

  say(message: In): void {
    this.onmessage?.({ data: JSON.stringify(message) })
  }

  end(code: number): void {
    this.readyState = 3
    this.onclose?.({ code })
  }
}

let peers: Peer[]
let heard: In[]
let ended: number[]

beforeEach(() => {
  vi.useFakeTimers()
  vi.stubGlobal('location', { protocol: 'https:', host: 'desk.example' })
  vi.stubGlobal('WebSocket', { CONNECTING: 0, OPEN: 1 })
  peers = []
  heard = []
  ended = []
})

afterEach(() => {
  vi.useRealTimers()
  vi.unstubAllGlobals()
})

function line(): Line<In, Out> {
  return new Line<In, Out>({
    path: '/ws/desk',
    hello: () => ({ type: 'hello' }),
    onMessage: (message) => heard.push(message),
    onEnded: (code) => ended.push(code),
    chance: () => 1,
    connect: (url) => {
      const peer = new Peer(url)
      peers.push(peer)
      return peer as unknown as WebSocket
    },
  })
}

function last(): Peer {
  const peer = peers.at(-1)
  if (!peer) throw new Error('no connection was tried')
  return peer
}

test('says hello on every connection and hands messages over', () => {
  const one = line()
  one.open()
  expect(last().url).toBe('wss://desk.example/ws/desk')
  expect(one.state.value).toBe('connecting')
  last().accept()
  last().say({ type: 'news', text: 'one' })
  expect(one.state.value).toBe('up')
  expect(heard).toEqual([{ type: 'news', text: 'one' }])
  last().end(1012)
  expect(one.state.value).toBe('down')
  vi.advanceTimersByTime(pause_ms(0, 1))
  last().accept()
  expect(peers.map((peer) => peer.said)).toEqual([[{ type: 'hello' }], [{ type: 'hello' }]])
})

test('answers a ping by itself', () => {
  line().open()
  last().accept()
  last().say({ type: 'ping', n: 7 })
  expect(last().said.at(-1)).toEqual({ type: 'pong', n: 7 })
  expect(heard).toEqual([])
})

test('takes ten seconds of silence for a dead line and comes back', () => {
  const one = line()
  one.open()
  last().accept()
  vi.advanceTimersByTime(9_000)
  last().say({ type: 'ping', n: 1 })
  vi.advanceTimersByTime(9_999)
  expect(one.state.value).toBe('up')
  vi.advanceTimersByTime(1)
  expect(one.state.value).toBe('down')
  expect(peers[0]?.closed_with).toBe(1000)
  vi.advanceTimersByTime(pause_ms(0, 1))
  expect(peers).toHaveLength(2)
})

test('a connection that never opens is given up as well', () => {
  line().open()
  vi.advanceTimersByTime(10_000 + pause_ms(0, 1))
  expect(peers).toHaveLength(2)
})

test('what an old connection still says counts no more', () => {
  const one = line()
  one.open()
  last().accept()
  vi.advanceTimersByTime(10_000 + pause_ms(0, 1))
  last().accept()
  peers[0]?.end(4001)
  expect(one.state.value).toBe('up')
  expect(ended).toEqual([])
})

test('pauses grow while nothing is heard, also when the server accepts only to refuse', () => {
  line().open()
  const waited: number[] = []
  for (let tries = 0; tries < 7; tries += 1) {
    last().accept()
    last().end(4013)
    const before = peers.length
    let waited_ms = 0
    while (peers.length === before) {
      vi.advanceTimersByTime(1)
      waited_ms += 1
    }
    waited.push(waited_ms)
  }
  expect(waited).toEqual([250, 500, 1_000, 2_000, 4_000, 8_000, 8_000])
  last().accept()
  last().say({ type: 'news', text: 'at last' })
  last().end(1006)
  vi.advanceTimersByTime(250)
  expect(peers).toHaveLength(9)
})

test.each([CLOSED_TAKEN_OVER, CLOSED_LOGGED_OUT, CLOSED_LET_GO])('does not come back after %d', (code) => {
  const one = line()
  one.open()
  last().accept()
  last().end(code)
  vi.advanceTimersByTime(60_000)
  one.open()
  expect(peers).toHaveLength(1)
  expect(one.state.value).toBe('ended')
  expect(ended).toEqual([code])
})

test('nothing is queued while the line is down', () => {
  const one = line()
  one.open()
  expect(one.send({ type: 'hello' })).toBe(false)
  last().accept()
  expect(one.send({ type: 'pong', n: 1 })).toBe(true)
  last().end(1006)
  expect(one.send({ type: 'hello' })).toBe(false)
  expect(last().said).toEqual([{ type: 'hello' }, { type: 'pong', n: 1 }])
})

test('close is for good', () => {
  const one = line()
  one.open()
  last().accept()
  one.close()
  last().end(1000)
  vi.advanceTimersByTime(60_000)
  expect(peers).toHaveLength(1)
  expect(ended).toEqual([])
})

test('a connection that is being opened is closed once it is there, and unheard', () => {
  const one = line()
  one.open()
  one.close()
  expect(last().closed_with).toBeUndefined()
  last().say({ type: 'news', text: 'too late' })
  last().accept()
  expect(last().closed_with).toBe(1000)
  expect(last().said).toEqual([])
  expect(heard).toEqual([])
})

test('a pause lies between the half and the whole of a doubling time', () => {
  expect([0, 1, 2, 5, 6, 99].map((tries) => pause_ms(tries, 0))).toEqual([125, 250, 500, 4_000, 4_000, 4_000])
  expect([0, 1, 2, 5, 6, 99].map((tries) => pause_ms(tries, 1))).toEqual([250, 500, 1_000, 8_000, 8_000, 8_000])
})
