/** The window's title, which tabs and screen readers say: the page, or what rings instead. */
import { effect, signal } from '@preact/signals'
import { t } from '../i18n'
import type { Key } from '../i18n/en'
import { path } from './router'

/** What rings, in one line; empty: nothing does. */
export const rings = signal('')

const PAGES: readonly (readonly [at: string, name: Key])[] = [
  ['/desk', 'desk'],
  ['/orders', 'orders'],
  ['/board', 'board'],
  ['/telephony', 'telephony'],
  ['/call', 'call_page_title'],
  ['/login', 'log_in'],
]

effect(() => {
  const page = PAGES.find(([at]) => path.value.startsWith(at))
  document.title = rings.value || [page && t(page[1]), t('product')].filter(Boolean).join(' · ')
})
