/** The pop-up: who calls, which service, how long the offer stands. It takes the focus; both answers are one key away. */
import { useEffect, useRef } from 'preact/hooks'
import type { Offer, View } from '../wire.gen'
import { t } from '../i18n'
import { duration, now_ms, tick } from '../shared/clock'
import { left } from '../shared/parts'
import type { Desk } from './desk'

export function OfferDialog({ desk, view, offer }: { readonly desk: Desk; readonly view: View; readonly offer: Offer }) {
  const dialog = useRef<HTMLDialogElement>(null)
  useEffect(() => {
    dialog.current?.showModal()
  }, [])
  void tick.value
  const whole_ms = Math.max(1, offer.deadline_ms - view.since_ms)
  const answer = { call: offer.call, offer: offer.offer }
  return (
    <dialog ref={dialog} class="offer" aria-labelledby="offer-title" onCancel={(event) => event.preventDefault()} data-testid="offer">
      <p id="offer-title" class="offer-title">
        {t('offer_title')}
      </p>
      <p class="big-number" data-testid="offer-caller">
        {offer.caller || t('anonymous')}
      </p>
      {offer.caller_name && <p class="offer-name">{offer.caller_name}</p>}
      <p class="offer-service" data-testid="offer-service">
        {offer.service} <span class="quiet">{offer.dialled}</span>
      </p>
      <p class="quiet">
        {offer.queue_name} · {t('waited', { time: duration(now_ms() - offer.waited_since_ms) })}
      </p>
      <progress max={whole_ms} value={Math.max(0, offer.deadline_ms - now_ms())} aria-label={t('seconds_left', { time: left(offer.deadline_ms) })} />
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
