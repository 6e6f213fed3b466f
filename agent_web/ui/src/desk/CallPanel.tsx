/** The conversation: with whom, since when; before it, how far dialling is; afterwards, in wrap-up, whose call it was. */
import type { DeskCall, View } from '../wire.gen'
import { callerText, t } from '../i18n'
import { duration } from '../shared/clock'
import { Marks } from '../shared/Marks'
import { Since } from '../shared/parts'
import { CallButton } from './CallButton'
import type { Desk } from './desk'
import { PressKeys } from './PressKeys'

export function CallPanel({ desk, view, call }: { readonly desk: Desk; readonly view: View; readonly call: DeskCall }) {
  const talking = view.state === 'talking'
  return (
    <div class="call-panel" data-testid="call-panel">
      <h2 data-testid="call-title">{call.dialling ? t(`dialling_${call.dialling}`) : talking ? t('call_title') : t('call_over')}</h2>
      <Marks of={call} />
      <p class="big-number" data-testid="call-caller">
        {callerText(call.caller)}
      </p>
      {call.caller_name && <p>{call.caller_name}</p>}
      {call.outbound ? <p class="quiet">{t('outbound')}</p> : <Line call={call} />}
      <p class="call-timer" data-testid="call-timer">
        {talking ? <Since since_ms={call.answered_ms || call.arrived_ms} /> : duration(call.ended_ms - call.answered_ms)}
      </p>
      {talking && !call.on_air && (
        <p class="hint" role="alert">
          {t('on_air_no')}
        </p>
      )}
      {talking && call.on_air && (!call.dialling || call.dialling === 'heard') && <PressKeys desk={desk} call={call.call} key={call.call} />}
      {talking && (
        <button type="button" class="bad" onClick={() => desk.ask({ type: 'hang_up', call: call.call })} data-testid="hang-up">
          {call.dialling ? t('dial_cancel') : t('hang_up')} <kbd>Alt H</kbd>
        </button>
      )}
      {!talking && (
        <div class="row-actions">
          <CallButton number={call.caller} />
        </div>
      )}
    </div>
  )
}

/** What they called. */
function Line({ call }: { readonly call: DeskCall }) {
  return (
    <dl class="facts">
      <div>
        <dt>{t('service')}</dt>
        <dd>
          {call.service} <span class="quiet">{call.dialled}</span>
        </dd>
      </div>
      <div>
        <dt>{t('queue')}</dt>
        <dd>{call.queue_name}</dd>
      </div>
    </dl>
  )
}
