/** Light or dark: as the system says, until the person chooses. */
import { effect, signal } from '@preact/signals'
import { read, write } from './storage'

export type Theme = 'system' | 'light' | 'dark'
const KEY = 'santral.theme'
const THEMES: readonly Theme[] = ['system', 'light', 'dark']

const stored = read(globalThis.localStorage, KEY)
export const theme = signal<Theme>(THEMES.find((one) => one === stored) ?? 'system')

effect(() => {
  if (theme.value === 'system') delete document.documentElement.dataset['theme']
  else document.documentElement.dataset['theme'] = theme.value
  write(globalThis.localStorage, KEY, theme.value)
})

export function nextTheme(): void {
  theme.value = THEMES[(THEMES.indexOf(theme.value) + 1) % THEMES.length] ?? 'system'
}
