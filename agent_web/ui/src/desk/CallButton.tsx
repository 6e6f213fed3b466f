/** Beside a number that a page shows: call it, from the operator's desk. Nothing where there is no desk, or nothing may be dialled. */
import { t } from '../i18n'
import { go } from '../shared/router'
import { current } from './current'

const NUMBER = /^\+?\d{3,}$/

export function CallButton({ number }: { readonly number: string }) {
  const desk = current.value
  const plain = number.replace(/[\s()-]/g, '')
  if (!desk?.dials.value || !NUMBER.test(plain)) return null
  const call = (): void => {
    desk.dial(plain)
    go('/desk')
  }
  return (
    <button type="button" class="small" disabled={desk.dial_obstacle.value !== ''} aria-label={t('call_number', { number })} onClick={call} data-testid="call-number">
      {t('dial_call')}
    </button>
  )
}
