/** The operator's one window: audio, state, pop-up, conversation, work orders. */
import { useSignal } from '@preact/signals'
import type { View } from '../wire.gen'
import { t, told } from '../i18n'
import { Banner, left, Since } from '../shared/parts'
import { AudioPanel } from './AudioPanel'
import { CallPanel } from './CallPanel'
import type { Desk } from './desk'
import { OrderForms } from './OrderForms'

export function DeskPage({ desk }: { readonly desk: Desk }) {
  if (desk.replaced.value) return <Replaced desk={desk} />
  const view = desk.view.value
  const state = view?.state ?? 'logged_out'
  return (
    <main class="desk">
      {desk.line.state.value === 'down' && <Banner kind="bad">{t('line_down')}</Banner>}
      {desk.line.state.value === 'up' && !desk.core_up.value && <Banner>{t('core_away')}</Banner>}
      <div class="live" role="status" aria-live="assertive">
        {desk.refused.value && <p class="refused">{desk.refused.value}</p>}
      </div>
      <div class="desk-grid">
        <section class="panel state-panel" aria-label={t('state')}>
          <div class="state-line">
            <span class="state-pill" data-testid="agent-state" data-state={state}>
              {t(`state_${state}`)}
            </span>
            {view && <Since since_ms={view.since_ms} />}
          </div>
          {view?.state === 'not_ready' && <p class="quiet">{told(view.reason, 'reason_')}</p>}
          {view && <StateButtons desk={desk} view={view} />}
          <Shortcuts />
        </section>
        <AudioPanel desk={desk} />
        <section class="panel work" aria-live="polite">
          {view?.call ? <CallPanel desk={desk} view={view} call={view.call} /> : <Idle view={view} />}
        </section>
        <OrderForms desk={desk} />
      </div>
    </main>
  )
}

function Idle({ view }: { readonly view: View | null }) {
  return <p class="quiet idle">{view?.state === 'ready' ? t('waiting_for_call') : t('idle_hint')}</p>
}

function StateButtons({ desk, view }: { readonly desk: Desk; readonly view: View }) {
  const chosen = useSignal('')
  const reason = desk.reasons.value.includes(chosen.value) ? chosen.value : desk.usualReason()
  const obstacle = desk.obstacle.value
  const busy = view.state === 'talking' || view.state === 'wrap_up'
  const may_ready = view.state === 'not_ready' || view.state === 'wrap_up'
  return (
    <div class="state-buttons">
      {view.state === 'wrap_up' && (
        <button type="button" class="primary" onClick={() => desk.ask({ type: 'wrap_up_done' })} data-testid="wrap-up-done">
          {t('finish_wrap_up')}
          {view.deadline_ms > 0 && <small> {t('wrap_up_left', { time: left(view.deadline_ms) })}</small>}
        </button>
      )}
      {view.state === 'not_ready' && (
        <button
          type="button"
          class="primary good"
          disabled={obstacle !== '' || !may_ready}
          aria-describedby={obstacle ? 'ready-obstacle' : undefined}
          onClick={() => desk.ask({ type: 'ready' })}
          data-testid="ready"
        >
          {t('go_ready')}
        </button>
      )}
      {obstacle && view.state === 'not_ready' && (
        <p id="ready-obstacle" class="hint">
          {t('need_audio')}
        </p>
      )}
      {(view.state === 'ready' || busy) && !view.next_reason && (
        <div class="row-actions">
          <label class="reason">
            {t('not_ready_why')}
            <select value={reason} onChange={(event) => (chosen.value = event.currentTarget.value)} data-testid="not-ready-reason">
              {(desk.reasons.value.length ? desk.reasons.value : ['break']).map((one) => (
                <option key={one} value={one}>
                  {told(one, 'reason_')}
                </option>
              ))}
            </select>
          </label>
          <button type="button" onClick={() => desk.ask({ type: 'not_ready', reason })} data-testid="not-ready">
            {t('go_not_ready')}
          </button>
        </div>
      )}
      {view.next_reason && <p class="hint">{t('next_not_ready', { reason: told(view.next_reason, 'reason_') })}</p>}
    </div>
  )
}

function Replaced({ desk }: { readonly desk: Desk }) {
  return (
    <main class="narrow">
      <div class="card notice" role="alert" data-testid="replaced-notice">
        <h1>{t('replaced_title')}</h1>
        <p>{t('replaced_text')}</p>
        <button type="button" class="primary" onClick={() => desk.takeBack()} data-testid="take-back">
          {t('take_back')}
        </button>
      </div>
    </main>
  )
}

const KEYS = [
  ['A', 'shortcut_accept'],
  ['R', 'shortcut_reject'],
  ['H', 'shortcut_hang_up'],
  ['N', 'shortcut_ready'],
  ['M', 'shortcut_mute'],
] as const

function Shortcuts() {
  return (
    <details class="shortcuts">
      <summary>{t('shortcuts')}</summary>
      <dl>
        {KEYS.map(([key, text]) => (
          <div key={key}>
            <dt>
              <kbd>Alt</kbd> <kbd>{key}</kbd>
            </dt>
            <dd>{t(text)}</dd>
          </div>
        ))}
      </dl>
    </details>
  )
}
