/**
 * Why a call went where it went, in the sentences that the server makes: a row of the board opens it. While the call lives it is
 * asked for again and again; once it has ended the story stands. What can't be had for a moment leaves the last one on the page.
 */
import { signal, useSignal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import type { BoardCall, Explanation } from '../wire.gen'
import { callerText, language, t } from '../i18n'
import { Failure, loadExplanation } from '../shared/api'
import { explain } from '../shared/errors'
import { useModal } from '../shared/modal'

const REFRESH_MS = 3_000

/** The call whose story is open. */
const shown = signal<Pick<BoardCall, 'call' | 'caller'> | null>(null)

/** The caller as a button that opens the story; a press anywhere else on the row does the same. */
export function WhyButton({ call }: { readonly call: BoardCall }) {
  return (
    <button type="button" class="link" aria-haspopup="dialog" title={t('explain_title')} onClick={() => openExplanation(call)} data-testid="explain-open">
      {callerText(call.caller)}
    </button>
  )
}

export function openExplanation(call: BoardCall): void {
  shown.value = { call: call.call, caller: call.caller }
}

/** The dialog, when a story is open; once on the page. */
export function ExplanationDialog() {
  useEffect(() => () => void (shown.value = null), [])
  const of = shown.value
  return of && <Dialog key={of.call} call={of.call} caller={of.caller} />
}

function Dialog({ call, caller }: { readonly call: string; readonly caller: string }) {
  const dialog = useModal()
  const story = useSignal<Explanation | null>(null)
  const problem = useSignal('')
  const spoken = language.value
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined
    let over = false
    const load = async (): Promise<void> => {
      let goes_on = true
      try {
        const found = await loadExplanation(call, spoken)
        if (over) return
        story.value = found
        problem.value = ''
        goes_on = found.live
      } catch (failure) {
        if (over) return
        problem.value = whyNot(failure)
        goes_on = !(failure instanceof Failure && failure.status === 404)
      }
      if (goes_on) timer = setTimeout(() => void load(), REFRESH_MS)
    }
    void load()
    return () => {
      over = true
      clearTimeout(timer)
    }
  }, [call, spoken])
  const close = (): void => void (shown.value = null)
  return (
    <dialog ref={dialog} class="sheet story" aria-labelledby="story-title" onClose={close} onClick={(event) => event.target === dialog.current && close()} data-testid="explanation">
      <div class="story-body" role="region" aria-labelledby="story-title" tabIndex={0}>
        <h2 id="story-title">
          {t('explain_title')}{' '}
          <small class="quiet">
            {callerText(caller)} · {call}
          </small>
        </h2>
        {problem.value && (
          <p class="problem" role="alert">
            {problem.value}
          </p>
        )}
        {!story.value && !problem.value && <p class="quiet">{t('loading')}</p>}
        {story.value && <Story story={story.value} />}
      </div>
      <div class="row-actions">
        <a href={`/telephony?call=${encodeURIComponent(call)}`} data-testid="explanation-messages">
          {t('watch_title')}
        </a>
        <button type="button" onClick={close} autofocus data-testid="explanation-close">
          {t('close')}
        </button>
      </div>
    </dialog>
  )
}

function Story({ story }: { readonly story: Explanation }) {
  return (
    <>
      {story.now.length > 0 && (
        <section class="story-now" aria-label={t('explain_now')} data-testid="explanation-now">
          <h3>{t('explain_now')}</h3>
          <ul>
            {story.now.map((text, index) => (
              <li key={index}>{text}</li>
            ))}
          </ul>
        </section>
      )}
      <ol class="story-lines">
        {story.lines.map((line, index) => (
          <li key={index} data-testid="explanation-line">
            {line.clock && <time>{line.clock}</time>}
            <span class={line.clock ? undefined : 'quiet'}>{line.text}</span>
          </li>
        ))}
      </ol>
    </>
  )
}

function whyNot(failure: unknown): string {
  return failure instanceof Failure && failure.error === 'database_away' ? t('explain_away') : explain(failure)
}
