/** What the desk needs on every page: the pop-up, the keys, and, away from the desk, a strip that tells its state. */
import { useEffect, useRef } from 'preact/hooks'
import { t } from '../i18n'
import { left, Since } from '../shared/parts'
import { go, path } from '../shared/router'
import type { Desk } from './desk'
import { DIAL_FIELD } from './DialPad'
import { OfferDialog } from './OfferDialog'
import { toKeys } from './PressKeys'

export function DeskEverywhere({ desk }: { readonly desk: Desk }) {
  useShortcuts(desk)
  const view = desk.view.value
  const away = path.value !== '/desk'
  const state = view?.state
  const before = useRef(state)
  useEffect(() => {
    // Whoever takes a call belongs to the desk, where its form is; later they may look elsewhere.
    if (state === 'talking' && before.current === 'ringing') go('/desk')
    before.current = state
  }, [state])
  return (
    <>
      {away && (
        <aside aria-label={t('desk')}>
          <Strip desk={desk} />
        </aside>
      )}
      {view?.offer && !desk.replaced.value && <OfferDialog desk={desk} view={view} offer={view.offer} key={view.offer.offer} />}
    </>
  )
}

function Strip({ desk }: { readonly desk: Desk }) {
  const view = desk.view.value
  const state = view?.state ?? 'logged_out'
  return (
    <a class="desk-strip" href="/desk" data-testid="desk-strip">
      {desk.replaced.value ? (
        t('replaced_title')
      ) : desk.let_go.value ? (
        t('let_go_title')
      ) : (
        <>
          {t('desk')}
          <span class="state-pill" data-state={state}>
            {t(`state_${state}`)}
          </span>
          {view?.paused && <span>{t('pause_left', { time: left(view.deadline_ms) })}</span>}
          {view?.overdue && <span>{t('break_overdue')}</span>}
          {view && <Since since_ms={view.since_ms} />}
        </>
      )}
    </a>
  )
}

/** From whatever page, to the field where a number is typed. */
function toDial(): void {
  go('/desk')
  const select = (framesLeft: number): void => {
    const field = document.querySelector<HTMLInputElement>(`#${DIAL_FIELD}`)
    if (field) field.select()
    // The page of the desk may take more than one frame to be there.
    else if (framesLeft > 0) requestAnimationFrame(() => select(framesLeft - 1))
  }
  requestAnimationFrame(() => select(30))
}

/** By the key's place in the Latin layout, so that it is the same key on every keyboard. */
function useShortcuts(desk: Desk): void {
  useEffect(() => {
    const onKey = (event: KeyboardEvent): void => {
      if (!event.altKey || event.ctrlKey || event.metaKey || event.repeat || event.getModifierState('AltGraph')) return
      const view = desk.view.value
      if (!view) return
      if (event.code === 'KeyA' && view.offer) desk.ask({ type: 'accept', call: view.offer.call, offer: view.offer.offer })
      else if (event.code === 'KeyR' && view.offer) desk.ask({ type: 'reject', call: view.offer.call, offer: view.offer.offer })
      else if (event.code === 'KeyH' && view.state === 'talking' && view.call) desk.ask({ type: 'hang_up', call: view.call.call })
      else if (event.code === 'KeyN') desk.ask(view.state === 'ready' ? { type: 'not_ready', reason: desk.usualReason() } : { type: 'ready' })
      else if (event.code === 'KeyT' && view.can_extend) desk.ask({ type: 'more_time' })
      else if (event.code === 'KeyM') desk.mute(!desk.audio.muted.value)
      else if (event.code === 'KeyC' && desk.dials.value) toDial()
      else if (event.code !== 'KeyK' || !toKeys()) return
      event.preventDefault()
    }
    addEventListener('keydown', onKey)
    return () => removeEventListener('keydown', onKey)
  }, [desk])
}
