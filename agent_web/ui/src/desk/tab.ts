/** Which page this is: the tab lives in sessionStorage, the page only in memory, so a duplicated tab is another page. */
import { read, write } from '../shared/storage'

const TAB_KEY = 'santral.tab'
const AUDIO_KEY = 'santral.audio'
const MUTED_KEY = 'santral.muted'

export function randomId(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(12)), (byte) => byte.toString(16).padStart(2, '0')).join('')
}

export const page = randomId()

export function tab(): string {
  const known = read(globalThis.sessionStorage, TAB_KEY)
  if (known) return known
  const made = randomId()
  write(globalThis.sessionStorage, TAB_KEY, made)
  return made
}

function kept(key: string) {
  return {
    get: (): boolean => read(globalThis.sessionStorage, key) === 'yes',
    set: (on: boolean): void => write(globalThis.sessionStorage, key, on ? 'yes' : null),
  }
}

/** Whether this tab had its audio connected, so that a reload connects it again. */
export const audioWanted = kept(AUDIO_KEY)

/** Whether the operator of this tab had muted themselves. */
export const mutedBefore = kept(MUTED_KEY)
