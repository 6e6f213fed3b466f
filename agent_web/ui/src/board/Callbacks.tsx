/** Who asked to be called back instead of waiting on: the number to call, and the button that takes them off the list. */
import { useSignal } from '@preact/signals'
import type { BoardCallback } from '../wire.gen'
import { callerText, count, dateTime, t } from '../i18n'
import { CallButton } from '../desk/CallButton'
import { settleCallback } from '../shared/api'
import { explain } from '../shared/errors'
import { Since } from '../shared/parts'

interface Props {
  readonly callbacks: readonly BoardCallback[]
  /** How many there are in all. */
  readonly open: number
  readonly queues: ReadonlyMap<string, string>
}

export function Callbacks({ callbacks, open, queues }: Props) {
  const problem = useSignal('')
  const settle = async (one: BoardCallback): Promise<void> => {
    if (!confirm(t('callback_done_sure', { caller: callerText(one.caller) }))) return
    problem.value = ''
    try {
      await settleCallback(one.id)
    } catch (failure) {
      problem.value = explain(failure)
    }
  }
  return (
    <section class="panel flush" aria-label={t('callbacks')} data-testid="board-callbacks">
      <h2>
        {t('callbacks')} <small class="quiet">{count(open)}</small>
      </h2>
      {problem.value && (
        <p class="problem" role="alert" data-testid="callback-problem">
          {problem.value}
        </p>
      )}
      <table class="table board-callbacks">
        <thead>
          <tr>
            <th scope="col">{t('caller')}</th>
            <th scope="col">{t('queue')}</th>
            <th scope="col" class="figure">
              {t('callback_asked')}
            </th>
            <th scope="col" class="figure">
              {t('waited_for')}
            </th>
            <td />
          </tr>
        </thead>
        <tbody>
          {callbacks.map((one) => (
            <tr key={one.id} data-testid="board-callback" data-callback={one.id}>
              <td class="tracking">
                <a href={`tel:${one.number || one.caller}`}>{callerText(one.caller)}</a>
              </td>
              <td class="wide">{queues.get(one.queue) ?? one.queue}</td>
              <td class="figure" data-label={t('callback_asked')}>
                {dateTime(one.asked_at_ms)}
              </td>
              <td class="figure" data-label={t('waited_for')}>
                <Since since_ms={one.asked_at_ms} />
              </td>
              <td class="act">
                <CallButton number={one.number || one.caller} />
                <button type="button" class="small" aria-label={`${t('callback_done')}: ${callerText(one.caller)}`} onClick={() => void settle(one)} data-testid="callback-done">
                  {t('callback_done')}
                </button>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      {open > callbacks.length && <p class="quiet">{t('callbacks_more', { count: count(open - callbacks.length) })}</p>}
    </section>
  )
}
