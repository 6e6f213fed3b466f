/** A citizen's test call: the hotline from the browser, without a SIP phone. */
import { useSignal } from '@preact/signals'
import { useEffect, useMemo } from 'preact/hooks'
import { t } from '../i18n'
import { Keypad } from '../shared/Keypad'
import { Meter, Since } from '../shared/parts'
import { Call } from './call'

const NUMBER = '185'

export function CallPage() {
  const call = useMemo(() => new Call(), [])
  const number = useSignal(NUMBER)
  const own = useSignal('')
  useEffect(() => () => call.stop(), [call])
  const state = call.state.value
  const busy = state === 'connecting' || state === 'connected'
  return (
    <main class="narrow">
      <section class="card call-card">
        <h1>{t('call_page_title')}</h1>
        <p class="quiet">{t('call_page_text')}</p>
        <p class="call-state" role="status" data-testid="call-state" data-state={state}>
          {t(`call_${state}`)} {state === 'connected' && <Since since_ms={call.since_ms.value} />}
        </p>
        {call.problem.value && (
          <p class="problem" role="alert" data-testid="call-problem">
            {call.problem.value}
          </p>
        )}
        {!busy && (
          <form
            onSubmit={(event) => {
              event.preventDefault()
              void call.dial(number.value, own.value)
            }}
          >
            <label>
              {t('number')}
              <input class="big-number" inputMode="tel" value={number.value} onInput={(event) => (number.value = event.currentTarget.value)} data-testid="call-number" />
            </label>
            <label>
              {t('own_number')}
              <input inputMode="tel" autocomplete="tel" value={own.value} onInput={(event) => (own.value = event.currentTarget.value)} data-testid="call-own" />
            </label>
            <button type="submit" class="primary good" data-testid="call-dial">
              {t('call_now')}
            </button>
          </form>
        )}
        {busy && (
          <>
            <Meter label={t('microphone')} level={call.audio.microphone_level.value} />
            <Meter label={t('remote')} level={call.audio.remote_level.value} />
            <Keypad onPress={(key) => call.press(key)} />
            <button type="button" class="bad" onClick={() => call.hangUp()} data-testid="call-hang-up">
              {t('hang_up')}
            </button>
          </>
        )}
      </section>
    </main>
  )
}
