/** Where the operator types a number to call, and reads why one may not be called, or was not reached. */
import { t } from '../i18n'
import type { Desk } from './desk'

export const DIAL_FIELD = 'dial-number'

export function DialPad({ desk }: { readonly desk: Desk }) {
  if (!desk.dials.value) return null
  const number = desk.dial_number
  const obstacle = desk.dial_obstacle.value
  const problem = desk.dial_problem.value
  const said = problem ? 'dial-problem' : obstacle ? 'dial-obstacle' : undefined
  const call = (event: Event): void => {
    event.preventDefault()
    if (!obstacle && number.value.trim()) desk.dial(number.value.trim())
  }
  return (
    <section class="panel dial-panel" aria-label={t('dial_title')}>
      <h2>{t('dial_title')}</h2>
      <form class="dial-form" onSubmit={call}>
        <label class={problem ? 'field invalid' : 'field'}>
          <span>{t('number')}</span>
          <input
            id={DIAL_FIELD}
            type="tel"
            inputMode="tel"
            autocomplete="off"
            maxLength={64}
            value={number.value}
            aria-invalid={problem !== ''}
            aria-describedby={said}
            onInput={(event) => desk.typeNumber(event.currentTarget.value)}
            data-testid="dial-number"
          />
        </label>
        <button type="submit" class="primary" aria-disabled={obstacle !== '' || !number.value.trim()} data-testid="dial">
          {t('dial_call')}
        </button>
      </form>
      {problem && (
        <p id="dial-problem" class="problem" role="alert" data-testid="dial-problem">
          {problem}
        </p>
      )}
      {!problem && obstacle && (
        <p id="dial-obstacle" class="quiet" data-testid="dial-obstacle">
          {t(obstacle)}
        </p>
      )}
    </section>
  )
}
