/** The operator's one window: audio, state, pop-up, conversation, work orders. */
import type { View } from '../wire.gen'
import { t, told } from '../i18n'
import { Notice } from '../shared/Notice'
import { Banner } from '../shared/parts'
import { AudioPanel } from './AudioPanel'
import { CallPanel } from './CallPanel'
import type { Desk } from './desk'
import { DialPad } from './DialPad'
import { OrderForms } from './OrderForms'
import { StatePanel } from './StatePanel'

export function DeskPage({ desk }: { readonly desk: Desk }) {
  if (desk.replaced.value) {
    return (
      <Notice id="replaced-notice" title={t('replaced_title')} text={t('replaced_text')}>
        <button type="button" class="primary" onClick={() => desk.takeBack()} data-testid="take-back">
          {t('take_back')}
        </button>
      </Notice>
    )
  }
  const view = desk.view.value
  if (desk.let_go.value) {
    const why = view?.reason ? `${told(view.reason, 'reason_')}. ` : ''
    return (
      <Notice id="let-go-notice" title={t('let_go_title')} text={why + t('let_go_text')}>
        <button type="button" class="primary" onClick={() => desk.takeBack()} data-testid="come-back">
          {t('come_back')}
        </button>
      </Notice>
    )
  }
  return (
    <main class="desk">
      <h1 class="unseen">{t('desk')}</h1>
      {desk.line.state.value === 'down' && <Banner kind="bad">{t('line_down')}</Banner>}
      {desk.line.state.value === 'up' && !desk.core_up.value && <Banner>{t('core_away')}</Banner>}
      <div class="live" role="status" aria-live="assertive">
        {desk.refused.value && (
          <p class="refused" data-testid="refused">
            {desk.refused.value}
          </p>
        )}
      </div>
      <div class="desk-grid">
        <StatePanel desk={desk} />
        <AudioPanel desk={desk} />
        <DialPad desk={desk} />
        <section class="panel work" aria-live="polite">
          {view?.call ? <CallPanel desk={desk} view={view} call={view.call} /> : <Idle view={view} />}
        </section>
        <OrderForms desk={desk} />
      </div>
    </main>
  )
}

function Idle({ view }: { readonly view: View | null }) {
  const said = view?.state === 'ready' ? 'waiting_for_call' : view?.state === 'ringing' ? 'offer_title' : 'idle_hint'
  return <p class="quiet idle">{t(said)}</p>
}
