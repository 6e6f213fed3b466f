/** The queues: who waits now, who could take them, and what the day has come to. */
import type { BoardQueue } from '../wire.gen'
import { count, percent, seconds, t } from '../i18n'
import type { Key } from '../i18n/en'
import { duration, now_ms, tick } from '../shared/clock'
import { Since } from '../shared/parts'
import { LEVEL_TARGET, levelMet, waitLevel } from './board'

const COLUMNS: readonly Key[] = [
  'waiting', 'longest', 'ready_count', 'operators', 'talking_count', 'entered', 'answered', 'abandoned', 'service_level', 'mean_answer', 'mean_handling',
]

export function Queues({ queues }: { readonly queues: readonly BoardQueue[] }) {
  return (
    <section class="panel flush" aria-label={t('queues')}>
      <table class="table board-queues">
        <thead>
          <tr>
            <th scope="col">{t('queue')}</th>
            {COLUMNS.map((name) => (
              <th key={name} scope="col" class="figure">
                {t(name)}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {queues.map((queue) => (
            <QueueRow key={queue.queue} queue={queue} />
          ))}
        </tbody>
      </table>
      {queues.length === 0 && <p class="quiet">{t('no_queues')}</p>}
    </section>
  )
}

function QueueRow({ queue }: { readonly queue: BoardQueue }) {
  void tick.value
  const nobody = queue.waiting > 0 && queue.agents === 0
  return (
    <tr data-testid={`board-queue-${queue.queue}`}>
      <th scope="row">{queue.name}</th>
      <td class="figure waiting" data-label={t('waiting')} data-field="waiting">
        {count(queue.waiting)}
      </td>
      <td class="figure" data-label={t('longest')} data-field="longest" data-level={waitLevel(queue.longest_since_ms, now_ms())}>
        {queue.longest_since_ms ? <Since since_ms={queue.longest_since_ms} /> : '–'}
      </td>
      <td class="figure" data-label={t('ready_count')} data-field="ready">
        {count(queue.ready)}
      </td>
      <td class="figure" data-label={t('operators')} data-field="agents" data-level={nobody ? 'bad' : undefined}>
        {count(queue.agents)}
      </td>
      <td class="figure" data-label={t('talking_count')} data-field="talking">
        {count(queue.talking)}
      </td>
      <td class="figure" data-label={t('entered')} data-field="entered">
        {count(queue.entered)}
      </td>
      <td class="figure" data-label={t('answered')} data-field="answered">
        {count(queue.answered)}
      </td>
      <td class="figure" data-label={t('abandoned')} data-field="abandoned">
        {count(queue.abandoned)}
        {queue.short_abandoned > 0 && <small class="beside">{t('abandoned_short', { count: count(queue.short_abandoned) })}</small>}
      </td>
      <ServiceLevel queue={queue} />
      <td class="figure" data-label={t('mean_answer')} data-field="asa">
        {length(queue.asa_ms)}
      </td>
      <td class="figure" data-label={t('mean_handling')} data-field="aht">
        {length(queue.aht_ms)}
      </td>
    </tr>
  )
}

/** The share, a word for whether that is enough, and what would be: colour alone tells some people nothing. */
function ServiceLevel({ queue }: { readonly queue: BoardQueue }) {
  const share = queue.service_level
  const met = levelMet(share)
  return (
    <td class="figure" data-label={t('service_level')} data-field="service_level" data-level={met === undefined ? undefined : met ? 'good' : 'bad'}>
      {share === null ? '–' : percent(share)}
      <small class="beside">
        {met !== undefined && `${t(met ? 'level_met' : 'level_missed')} · `}
        {t('level_target', { share: percent(LEVEL_TARGET), time: seconds(queue.service_level_ms) })}
      </small>
    </td>
  )
}

function length(mean_ms: number | null): string {
  return mean_ms === null ? '–' : duration(mean_ms)
}
