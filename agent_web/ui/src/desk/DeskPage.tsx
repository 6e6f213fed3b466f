/** The operator's one window: audio, state, pop-up, conversation, work orders. */
import type { View } from '../wire.gen'
import { t, told } from '../i18n'
import { Banner } from '../shared/parts'
import { AudioPanel } from './AudioPanel'
import { CallPanel } from './CallPanel'
import type { Desk } from './desk'
import { DialPad } from './DialPad'
import { OrderForms } from './OrderForms'
import { StatePanel } from './StatePanel'

export function DeskPage({ desk }: { readonly desk: Desk }) {
  if (desk.replaced.value) {
    return <Notice id="replaced-notice" title={t('replaced_title')} text={t('replaced_text')} way={t('take_back')} way_id="take-back" onWay={() => desk.takeBack()} />
  }
  const view = desk.view.value
  if (desk.let_go.value) {
    const why = view?.reason ? `${told(view.reason, 'reason_')}. ` : ''
    return <Notice id="let-go-notice" title={t('let_go_title')} text={why + t('let_go_text')} way={t('come_back')} way_id="come-back" onWay={() => desk.takeBack()} />
  }
  return (
    <main class="desk">
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

interface NoticeProps {
  readonly id: string
  readonly title: string
  readonly text: string
  readonly way: string
  readonly way_id: string
  readonly onWay: () => void
}

/** Instead of the desk: why it is not here, and the way back. */
function Notice({ id, title, text, way, way_id, onWay }: NoticeProps) {
  return (
    <main class="narrow">
      <div class="card notice" role="alert" data-testid={id}>
        <h1>{title}</h1>
        <p>{text}</p>
        <button type="button" class="primary" onClick={onWay} data-testid={way_id}>
          {way}
        </button>
      </div>
    </main>
  )
}
