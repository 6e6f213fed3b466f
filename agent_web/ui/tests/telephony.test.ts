import { afterEach, expect, test, vi } from 'vitest'
import { LINES_MAX, sourcesOf, stepState, TelephonyLine, titleOf, trunkState, whyTrunk } from '../src/telephony/telephony'
import { choose } from '../src/i18n'
import type { EdgeSource, EdgeState, TraceLine } from '../src/wire.gen'

function source(name: string, fields: Partial<EdgeSource> = {}): EdgeSource {
  return { source: name, kinds: {}, banned_until_ms: 0, last_ms: 0, scanner: '', ...fields }
}

function edge(name: string, sources: readonly EdgeSource[]): EdgeState {
  return { edge: name, at_ms: 0, calls: 0, step: 0, counters: {}, trunks: [], sources: [...sources] }
}

function message(number: number): TraceLine {
  return { at_ms: number, party: 'caller', sent: false, peer: '', transport: 'UDP', text: `M${number}`, lost: 0 }
}

test('a source is one row, whatever edges it came to; who is banned stands first', () => {
  const rows = sourcesOf([
    edge('edge1', [source('b', { kinds: { stray: 9 } }), source('a', { kinds: { malformed: 2 }, last_ms: 5 })]),
    edge('edge2', [source('a', { kinds: { malformed: 1, scanner: 1 }, last_ms: 3, scanner: 'sipcli', banned_until_ms: 7 }), source('c', { kinds: { stray: 9 } })]),
  ])
  expect(rows.map((one) => one.source)).toEqual(['a', 'b', 'c'])
  expect(rows[0]).toEqual({ source: 'a', kinds: { malformed: 3, scanner: 1 }, banned_until_ms: 7, last_ms: 5, scanner: 'sipcli', edges: ['edge1', 'edge2'] })
})

afterEach(() => vi.unstubAllGlobals())

test('only messages of the call that is watched are shown, and not more than so many', () => {
  vi.stubGlobal('WebSocket', { OPEN: 1 })
  const telephony = new TelephonyLine()
  telephony.watch('c-1')
  telephony.take({ type: 'trace', call: 'c-0', lines: [message(0)] })
  expect(telephony.messages.value).toEqual([])
  for (let number = 1; number <= LINES_MAX + 3; number += 1) telephony.take({ type: 'trace', call: 'c-1', lines: [message(number)] })
  expect(telephony.messages.value.length).toBe(LINES_MAX)
  expect(telephony.messages.value[0]?.text).toBe('M4')
  telephony.watchAgain()
  expect(telephony.messages.value).toEqual([])
  telephony.take({ type: 'edges', now_ms: Date.now(), edges: [edge('edge1', [])] })
  telephony.take({ type: 'core', state: 'away' })
  expect(telephony.edges.value?.length).toBe(1)
  expect(telephony.core_up.value).toBe(false)
})

test('a message is called by its method and who is asked for, or by its status', () => {
  expect(titleOf('INVITE sip:185@192.0.2.1:5060;transport=tcp SIP/2.0\r\nCSeq: 1 INVITE\r\n\r\n')).toBe('INVITE 185')
  expect(titleOf('OPTIONS sip:192.0.2.1 SIP/2.0\r\n\r\n')).toBe('OPTIONS')
  expect(titleOf('SIP/2.0 486 Busy Here\r\nVia: x\r\nCSeq: 7 INVITE\r\n\r\n')).toBe('486 Busy Here (INVITE)')
  expect(titleOf('SIP/2.0 200 OK\r\n\r\n')).toBe('200 OK')
})

test('an edge that refuses callers is in trouble', () => {
  expect([0, 1, 2, 4].map(stepState)).toEqual(['ready', 'ringing', 'lost', 'lost'])
})

test('a trunk without a line left is up, and full', () => {
  const trunk = { trunk: 'carrier', up: true, live: 29, capacity: 30, refused: 0, reason: '', since_ms: 0 }
  expect(trunkState(trunk)).toBe('up')
  expect(trunkState({ ...trunk, live: 30 })).toBe('full')
  expect(trunkState({ ...trunk, live: 30, up: false })).toBe('down')
})

test('why a trunk is down is said in the language of the page', () => {
  choose('tr')
  expect(whyTrunk('no answer to OPTIONS')).toBe('yoklamalara (OPTIONS) yanıt vermiyor')
  expect(whyTrunk('not registered yet')).toBe('henüz kaydolmadı')
  expect(whyTrunk('registration refused with 403')).toBe('kayıt 403 ile reddedildi')
  expect(whyTrunk('calls failed with 503')).toBe('çağrılar 503 ile sonuçsuz kaldı')
  expect(whyTrunk('sip.carrier.example has no address')).toBe('sip.carrier.example için adres bulunamadı')
  expect(whyTrunk('something new')).toBe('something new')
  expect(whyTrunk('')).toBe('')
  choose('en')
})
