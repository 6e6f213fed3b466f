/** The frame around every page: who is here, where to go, language and colours. */
import { signal } from '@preact/signals'
import type { ComponentChildren } from 'preact'
import { useEffect } from 'preact/hooks'
import { current } from '../desk/current'
import { choose, language, languages, catalogues, t, type Language } from '../i18n'
import { logOut, me } from './api'
import { explain } from './errors'
import { path } from './router'
import { nextTheme, theme } from './theme'

const SIGNS = { system: '◐', light: '☀', dark: '☾' } as const

const problem = signal('')

export function Layout({ children }: { readonly children: ComponentChildren }) {
  const user = me.value
  const state = current.value?.view.value?.state
  // What was said of a conversation that goes on is over with it.
  useEffect(() => void (problem.value = ''), [state])
  const roles = user?.roles ?? []
  const links: [string, string][] = []
  if (user?.agent) links.push(['/desk', t('desk')])
  if (user) links.push(['/orders', t('orders')])
  if (roles.includes('supervisor') || roles.includes('admin')) links.push(['/board', t('board')], ['/telephony', t('telephony')])
  return (
    <>
      <header class="top">
        <a class="brand" href="/">
          <img src="/icon.svg" alt="" width="24" height="24" />
          {t('product')}
        </a>
        <nav>
          {links.map(([to, text]) => (
            <a key={to} href={to} aria-current={path.value.startsWith(to) ? 'page' : undefined}>
              {text}
            </a>
          ))}
        </nav>
        <div class="top-end">
          {user && <span class="who">{user.name}</span>}
          <select
            class="language"
            aria-label={t('choose_language')}
            value={language.value}
            onChange={(event) => choose(event.currentTarget.value as Language)}
          >
            {languages.map((one) => (
              <option key={one} value={one}>
                {catalogues[one].language}
              </option>
            ))}
          </select>
          <button type="button" class="icon" onClick={nextTheme} title={t(`theme_${theme.value}`)} aria-label={t(`theme_${theme.value}`)}>
            {SIGNS[theme.value]}
          </button>
          {user && (
            <button type="button" class="plain" onClick={() => void leave()} data-testid="log-out">
              {t('log_out')}
            </button>
          )}
        </div>
      </header>
      {problem.value && user && (
        <div class="banner bad" role="alert" data-testid="log-out-problem">
          <span>{problem.value}</span>
          <button type="button" class="plain" onClick={() => (problem.value = '')}>
            {t('close')}
          </button>
        </div>
      )}
      {children}
    </>
  )
}

/** Nobody is logged out of a conversation; that and every other failure is said, and all stays as it is. */
async function leave(): Promise<void> {
  problem.value = ''
  try {
    await logOut()
  } catch (failure) {
    problem.value = explain(failure)
  }
}
