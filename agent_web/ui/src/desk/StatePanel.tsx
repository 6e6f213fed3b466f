/** The operator's state, how long it still lasts, and what they may do about it. */
import { useSignal } from '@preact/signals'
import type { NotReadyReason, View } from '../wire.gen'
import { count, t, told } from '../i18n'
import { duration, now_ms } from '../shared/clock'
import { left, Since } from '../shared/parts'
import { countdown } from './countdown'
import type { Desk } from './desk'

const MINUTE_MS = 60_000

export function StatePanel({ desk }: { readonly desk: Desk }) {
  const view = desk.view.value
  const state = view?.state ?? 'logged_out'
  return (
    <section class="panel state-panel" aria-label={t('state')}>
      <div class="state-line">
        <span class="state-pill" data-testid="agent-state" data-state={state}>
          {view?.call?.dialling ? t('dialling_dialled') : t(`state_${state}`)}
        </span>
        {view && <Since since_ms={view.since_ms} />}
      </div>
      {view?.state === 'not_ready' && <p class="quiet">{told(view.reason, 'reason_')}</p>}
      {view && <Left desk={desk} view={view} />}
      {view && <StateButtons desk={desk} view={view} />}
      <Shortcuts desk={desk} />
    </section>
  )
}

/** The seconds are for the eye; a screen reader says them when asked, and an overdue break once. */
function Left({ desk, view }: { readonly desk: Desk; readonly view: View }) {
  const shown = countdown(view, desk.reasons.value)
  if (!shown) return null
  const over = shown.text === 'break_over' || shown.text === 'break_overdue'
  const time = left(shown.at_ms)
  return (
    <>
      <p class={over ? 'countdown hint' : 'countdown'} role="timer" aria-live="off" data-testid="countdown" data-kind={shown.text}>
        {t(shown.text, { time: over ? duration(now_ms() - shown.at_ms) : time })}
      </p>
      <p class="unseen" role="status">
        {over && t('break_overdue')}
      </p>
    </>
  )
}

function StateButtons({ desk, view }: { readonly desk: Desk; readonly view: View }) {
  const obstacle = desk.obstacle.value
  const busy = view.state === 'talking' || view.state === 'wrap_up'
  return (
    <div class="state-buttons">
      {view.state === 'wrap_up' && (
        <>
          <button type="button" class="primary" onClick={() => desk.ask({ type: 'wrap_up_done' })} data-testid="wrap-up-done">
            {t('finish_wrap_up')}
          </button>
          {view.can_extend && (
            <button type="button" onClick={() => desk.ask({ type: 'more_time' })} data-testid="more-time">
              {t('more_time')} <kbd>Alt T</kbd>
            </button>
          )}
        </>
      )}
      {view.state === 'not_ready' && (
        <button
          type="button"
          class="primary good"
          disabled={obstacle !== ''}
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
      {(view.state === 'ready' || busy) && !view.next_reason && <NotReady desk={desk} />}
      {view.next_reason && <p class="hint">{t('next_not_ready', { reason: told(view.next_reason, 'reason_') })}</p>}
    </div>
  )
}

function NotReady({ desk }: { readonly desk: Desk }) {
  const chosen = useSignal('')
  const reasons = desk.reasons.value
  const reason = reasons.some((one) => one.reason === chosen.value) ? chosen.value : desk.usualReason()
  return (
    <div class="row-actions">
      <label class="reason">
        {t('not_ready_why')}
        <select value={reason} onChange={(event) => (chosen.value = event.currentTarget.value)} data-testid="not-ready-reason">
          {reasons.length === 0 && <option value="break">{told('break', 'reason_')}</option>}
          {reasons.map((one) => (
            <option key={one.reason} value={one.reason}>
              {reasonText(one)}
            </option>
          ))}
        </select>
      </label>
      <button type="button" onClick={() => desk.ask({ type: 'not_ready', reason })} data-testid="not-ready">
        {t('go_not_ready')}
      </button>
    </div>
  )
}

/** Such as "lunch · 45 min, unpaid". */
function reasonText(one: NotReadyReason): string {
  const length = one.planned_ms ? t('minutes', { count: count(Math.ceil(one.planned_ms / MINUTE_MS)) }) : ''
  return `${told(one.reason, 'reason_')} · ${[length, one.paid ? t('paid') : t('unpaid')].filter(Boolean).join(', ')}`
}

const KEYS = [
  ['A', 'shortcut_accept'],
  ['R', 'shortcut_reject'],
  ['H', 'shortcut_hang_up'],
  ['N', 'shortcut_ready'],
  ['T', 'shortcut_more_time'],
  ['M', 'shortcut_mute'],
  ['C', 'shortcut_dial'],
  ['K', 'shortcut_keys'],
] as const

function Shortcuts({ desk }: { readonly desk: Desk }) {
  return (
    <details class="shortcuts">
      <summary>{t('shortcuts')}</summary>
      <dl>
        {KEYS.filter(([key]) => key !== 'C' || desk.dials.value).map(([key, text]) => (
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
