/** Texts in four languages, one file each with the same keys; the browser's language until the person chooses. */
import { computed, effect, signal } from '@preact/signals'
import { read, write } from '../shared/storage'
import { en, type Key, type Texts } from './en'
import { pl } from './pl'
import { tr } from './tr'
import { zh } from './zh'

export type Language = 'tr' | 'en' | 'pl' | 'zh'
export const catalogues: Readonly<Record<Language, Texts>> = { tr, en, pl, zh }
export const languages = Object.keys(catalogues) as Language[]

const KEY = 'santral.language'

export function pick(stored: string | null, wanted: readonly string[]): Language {
  const candidates = [stored ?? '', ...wanted.map((one) => one.slice(0, 2).toLowerCase())]
  return candidates.map((one) => languages.find((known) => known === one)).find(Boolean) ?? 'en'
}

export const language = signal<Language>(
  pick(read(globalThis.localStorage, KEY), globalThis.navigator?.languages ?? []),
)

export function choose(to: Language): void {
  language.value = to
  write(globalThis.localStorage, KEY, to)
}

const texts = computed(() => catalogues[language.value])

/** The text of a key, `{name}` replaced by values. */
export function t(key: Key, values: Readonly<Record<string, string>> = {}): string {
  return texts.value[key].replace(/\{(\w+)\}/g, (whole, name: string) => values[name] ?? whole)
}

export function isKey(key: string): key is Key {
  return key in en
}

/** The text of a key that the server sent; one that this page does not know is shown as it is, with `otherwise` in front. */
export function told(key: string, prefix = '', otherwise?: Key): string {
  const full = prefix + key
  if (isKey(full)) return t(full)
  return otherwise ? `${t(otherwise)} (${key})` : key.replaceAll('_', ' ')
}

/** A caller's number; callers without one are named by words of ours. */
export function callerText(caller: string): string {
  if (caller === 'web') return t('test_call')
  return caller === '' || caller === 'anonymous' ? t('anonymous') : caller
}

/** English as it is written with a day before the month and 24 hours. */
const locale = computed(() => (language.value === 'en' ? 'en-GB' : language.value))

export function dateTime(at_ms: number): string {
  return new Intl.DateTimeFormat(locale.value, { dateStyle: 'short', timeStyle: 'short' }).format(at_ms)
}

export function count(value: number): string {
  return new Intl.NumberFormat(locale.value).format(value)
}

/** A share between 0 and 1. */
export function percent(share: number): string {
  return new Intl.NumberFormat(locale.value, { style: 'percent', maximumFractionDigits: 0 }).format(share)
}

/** A short time, such as "20 s". */
export function seconds(length_ms: number): string {
  return t('seconds', { count: new Intl.NumberFormat(locale.value, { maximumFractionDigits: 1 }).format(length_ms / 1000) })
}

if (globalThis.document) {
  effect(() => {
    document.documentElement.lang = language.value
  })
}
