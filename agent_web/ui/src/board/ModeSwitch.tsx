/** The mode the centre is in, and the dialog that changes it: what is chosen there holds for everybody who calls. */
import { useSignal } from '@preact/signals'
import type { NewMode } from '../wire.gen'
import { t } from '../i18n'
import { changeMode } from '../shared/api'
import { explain } from '../shared/errors'
import { useModal } from '../shared/modal'

type Mode = NewMode['mode']
const MODES: readonly Mode[] = ['normal', 'closed', 'emergency']

export function ModeSwitch({ mode }: { readonly mode: Mode }) {
  const open = useSignal(false)
  return (
    <>
      <span class="badge" data-mode={mode} data-testid="board-mode">
        {t('mode')}: {t(`mode_${mode}`)}
      </span>
      <button type="button" class="small" onClick={() => (open.value = true)} data-testid="mode-change">
        {t('mode_change')}
      </button>
      {open.value && <ModeDialog mode={mode} onDone={() => (open.value = false)} />}
    </>
  )
}

function ModeDialog({ mode, onDone }: { readonly mode: Mode; readonly onDone: () => void }) {
  const dialog = useModal()
  const chosen = useSignal(mode)
  const busy = useSignal(false)
  const problem = useSignal('')
  const change = async (event: Event): Promise<void> => {
    event.preventDefault()
    if (busy.value) return
    busy.value = true
    problem.value = ''
    try {
      await changeMode(chosen.value)
      onDone()
    } catch (failure) {
      problem.value = explain(failure)
    } finally {
      busy.value = false
    }
  }
  return (
    <dialog ref={dialog} class="sheet" aria-labelledby="mode-title" onClose={onDone} data-testid="mode-dialog">
      <form onSubmit={(event) => void change(event)}>
        <h2 id="mode-title">{t('mode_change')}</h2>
        <div class="choices" role="radiogroup" aria-labelledby="mode-title">
          {MODES.map((one) => (
            <label key={one} class="choice">
              <input type="radio" name="mode" value={one} checked={chosen.value === one} autofocus={one === mode} onChange={() => (chosen.value = one)} data-testid={`mode-${one}`} />
              <span>
                <strong>{t(`mode_${one}`)}</strong> {t(`mode_${one}_text`)}
              </span>
            </label>
          ))}
        </div>
        {problem.value && (
          <p class="problem" role="alert" data-testid="mode-problem">
            {problem.value}
          </p>
        )}
        <div class="row-actions">
          <button type="submit" class={chosen.value === 'normal' ? 'primary' : 'bad'} disabled={chosen.value === mode} data-testid="mode-apply">
            {t('mode_apply')}
          </button>
          <button type="button" class="plain" onClick={onDone} data-testid="mode-cancel">
            {t('cancel')}
          </button>
        </div>
      </form>
    </dialog>
  )
}
