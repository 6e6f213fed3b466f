/** The twelve keys of a telephone. */
import { t } from '../i18n'

export const KEYS = ['1', '2', '3', '4', '5', '6', '7', '8', '9', '*', '0', '#'] as const
export type Key = (typeof KEYS)[number]

export function isKey(key: string): key is Key {
  return (KEYS as readonly string[]).includes(key)
}

export function Keypad({ onPress }: { readonly onPress: (key: Key) => void }) {
  return (
    <div class="keypad" role="group" aria-label={t('keypad')}>
      {KEYS.map((key) => (
        <button key={key} type="button" onClick={() => onPress(key)} data-testid={`key-${key}`}>
          {key}
        </button>
      ))}
    </div>
  )
}
