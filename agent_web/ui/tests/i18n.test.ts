import { afterEach, expect, test } from 'vitest'
import { callerText, catalogues, choose, count, dateTime, language, languages, pick, seconds, t, told } from '../src/i18n'
import { en, type Key } from '../src/i18n/en'

const keys = Object.keys(en) as Key[]
const placeholders = (text: string): string[] => (text.match(/\{\w+\}/g) ?? []).toSorted()

afterEach(() => choose('en'))

test.each(languages)('%s has every text, none empty, with the same placeholders', (code) => {
  const texts = catalogues[code]
  expect(Object.keys(texts).toSorted()).toEqual(keys.toSorted())
  for (const key of keys) {
    expect(texts[key].trim(), key).not.toBe('')
    expect(texts[key], key).toBe(texts[key].trim())
    expect(placeholders(texts[key]), key).toEqual(placeholders(en[key]))
  }
})

test.each([
  ['tr', 'pl'],
  ['tr', 'zh'],
  ['tr', 'en'],
  ['pl', 'en'],
  ['zh', 'en'],
] as const)('%s is not a copy of %s', (one, other) => {
  const same = keys.filter((key) => catalogues[one][key] === catalogues[other][key])
  // Names, loan words and abbreviations may agree.
  expect(same.length, same.join(', ')).toBeLessThan(12)
})

test('values take the place of their names', () => {
  expect(t('waited', { time: '1:23' })).toBe('waited 1:23')
  expect(t('waited', {})).toBe('waited {time}')
  choose('tr')
  expect(t('waited', { time: '1:23' })).toBe('1:23 bekledi')
})

test('what the server says is shown also when the page does not know it', () => {
  expect(told('break', 'reason_')).toBe('break')
  expect(told('coffee_with_the_boss', 'reason_')).toBe('coffee with the boss')
  expect(told('odd', '', 'refused')).toBe('That is not possible now. (odd)')
})

test('the language is the chosen one, else the first of the browser that we speak, else English', () => {
  expect(pick('pl', ['tr-TR'])).toBe('pl')
  expect(pick(null, ['de-DE', 'zh-Hans-CN', 'tr'])).toBe('zh')
  expect(pick('xx', ['de'])).toBe('en')
  expect(pick(null, [])).toBe('en')
})

test('dates and numbers are written as the language does', () => {
  const noon = new Date(2026, 2, 15, 14, 30).getTime()
  expect(language.value).toBe('en')
  expect(dateTime(noon)).toBe('15/03/2026, 14:30')
  expect(count(12_345)).toBe('12,345')
  expect(seconds(2_500)).toBe('2.5\u00a0s') // a line never breaks between figure and unit
  choose('tr')
  expect(dateTime(noon)).toBe('15.03.2026 14:30')
  expect(count(12_345)).toBe('12.345')
  expect(seconds(2_500)).toBe('2,5\u00a0sn')
})

test('a caller without a number is named in the language of the page', () => {
  choose('tr')
  expect(['', 'anonymous', 'web', '0532'].map(callerText)).toEqual([t('anonymous'), t('anonymous'), t('test_call'), '0532'])
})
