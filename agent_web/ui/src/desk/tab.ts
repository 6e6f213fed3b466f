/** Which page this is: the tab lives in sessionStorage, the page only in memory, so a duplicated tab is another page. */
import { read, write } from '../shared/storage'

const TAB_KEY = 'santral.tab'
const AUDIO_KEY = 'santral.audio'

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

/** Whether this tab had its audio connected, so that a reload connects it again. */
export const audioWanted = {
  get: (): boolean => read(globalThis.sessionStorage, AUDIO_KEY) === 'yes',
  set: (wanted: boolean): void => write(globalThis.sessionStorage, AUDIO_KEY, wanted ? 'yes' : null),
}
