/** Keys for the other side, a bank's menu for instance: by click, or typed in the field that shows what was pressed. */
import { useSignal } from '@preact/signals'
import { useRef } from 'preact/hooks'
import { t } from '../i18n'
import { isKey, Keypad } from '../shared/Keypad'
import type { Desk } from './desk'

export const KEYS_FIELD = 'pressed-keys'

export function PressKeys({ desk, call }: { readonly desk: Desk; readonly call: string }) {
  const pressed = useSignal('')
  const field = useRef<HTMLInputElement>(null)
  const press = (key: string): void => {
    pressed.value += key
    desk.ask({ type: 'keys', call, keys: key })
  }
  return (
    <details class="press-keys" data-testid="press-keys" onToggle={(event) => event.currentTarget.open && field.current?.focus()}>
      <summary>
        {t('press_keys')} <kbd>Alt K</kbd>
      </summary>
      <div class="pad">
        <input
          id={KEYS_FIELD}
          ref={field}
          readOnly
          value={pressed.value}
          placeholder={t('press_keys_hint')}
          aria-label={t('pressed_keys')}
          onKeyDown={(event) => {
            if (!isKey(event.key) || event.altKey || event.ctrlKey || event.metaKey) return
            event.preventDefault()
            if (!event.repeat) press(event.key) // held down it is pressed once, as at a telephone
          }}
          data-testid="pressed-keys"
        />
        <Keypad onPress={press} />
      </div>
    </details>
  )
}

/** Open the pad, where there is one, and have the keyboard type into it. */
export function toKeys(): boolean {
  const field = document.querySelector<HTMLInputElement>(`#${KEYS_FIELD}`)
  const pad = field?.closest('details')
  if (!field || !pad) return false
  pad.open = true
  field.focus()
  return true
}
