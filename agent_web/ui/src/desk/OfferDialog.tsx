/**
 * The pop-up: who calls, which service, how long the offer stands. It takes the focus; both answers are one key away. Whoever
 * was writing when it came answers nothing with the word they were at, and goes on where they were when the offer is over.
 */
import { useEffect, useRef } from 'preact/hooks'
import type { Offer, View } from '../wire.gen'
import { callerText, t } from '../i18n'
import { duration, now_ms, tick } from '../shared/clock'
import { Marks } from '../shared/Marks'
import { useModal } from '../shared/modal'
import { left } from '../shared/parts'
import type { Desk } from './desk'

const WRITING_MS = 800

export function OfferDialog({ desk, view, offer }: { readonly desk: Desk; readonly view: View; readonly offer: Offer }) {
  const dialog = useModal()
  const opened_ms = useRef(0)
  useEffect(() => {
    opened_ms.current = performance.now()
  }, [])
  const onKey = (event: KeyboardEvent): void => {
    const writing = performance.now() - opened_ms.current < WRITING_MS && (event.key === ' ' || event.key === 'Enter')
    if (event.key === 'Escape' || writing) event.preventDefault()
  }
  // Browsers close a dialog at the second Escape whatever one says to the first; while it rings it stays.
  const stay = (): void => {
    if (dialog.current?.isConnected) dialog.current.showModal()
  }
  void tick.value
  const whole_ms = Math.max(1, offer.deadline_ms - view.since_ms)
  const answer = { call: offer.call, offer: offer.offer }
  return (
    <dialog ref={dialog} class={offer.hazard ? 'offer hazard' : 'offer'} aria-labelledby="offer-title" aria-describedby="offer-marks" onCancel={(event) => event.preventDefault()} onClose={stay} onKeyDown={onKey} data-testid="offer">
      <p id="offer-title" class="offer-title">
        {t('offer_title')}
      </p>
      <div id="offer-marks">
        <Marks of={offer} />
      </div>
      <p class="big-number" data-testid="offer-caller">
        {callerText(offer.caller)}
      </p>
      {offer.caller_name && <p class="offer-name">{offer.caller_name}</p>}
      <p class="offer-service" data-testid="offer-service">
        {offer.service} <span class="quiet">{offer.dialled}</span>
      </p>
      <p class="quiet">
        {offer.queue_name} · {t('waited', { time: duration(now_ms() - offer.waited_since_ms) })}
      </p>
      <progress max={whole_ms} value={Math.max(0, offer.deadline_ms - now_ms())} aria-label={t('seconds_left', { time: left(offer.deadline_ms) })} />
      {desk.refused.value && (
        <p class="refused" role="alert">
          {desk.refused.value}
        </p>
      )}
      {view.audio === 'phone' ? (
        <p class="hint">{t('answer_on_phone_hint')}</p>
      ) : (
        <div class="offer-actions">
          <button type="button" class="primary good" onClick={() => desk.ask({ type: 'accept', ...answer })} autofocus data-testid="accept">
            {t('accept')} <kbd>Alt A</kbd>
          </button>
          <button type="button" class="bad" onClick={() => desk.ask({ type: 'reject', ...answer })} data-testid="reject">
            {t('reject')} <kbd>Alt R</kbd>
          </button>
        </div>
      )}
    </dialog>
  )
}
