/** Hosts that did what they should not: what, how often, and whether they are heard. A ban can be lifted. */
import { useSignal } from '@preact/signals'
import { count, t, told } from '../i18n'
import { liftBan } from '../shared/api'
import { explain } from '../shared/errors'
import { left, Since } from '../shared/parts'
import type { Source } from './telephony'

export function Sources({ sources }: { readonly sources: readonly Source[] }) {
  const problem = useSignal('')
  const lift = async (source: string): Promise<void> => {
    problem.value = ''
    try {
      await liftBan(source)
    } catch (failure) {
      problem.value = explain(failure)
    }
  }
  return (
    <section class="panel flush" aria-label={t('sources')} data-testid="sources">
      <h2>
        {t('sources')} <small class="quiet">{count(sources.length)}</small>
      </h2>
      {problem.value && (
        <p class="problem" role="alert" data-testid="lift-problem">
          {problem.value}
        </p>
      )}
      {sources.length === 0 && <p class="quiet">{t('no_sources')}</p>}
      {sources.length > 0 && (
        <table class="table sources">
          <thead>
            <tr>
              <th scope="col">{t('source')}</th>
              <th scope="col">{t('source_did')}</th>
              <th scope="col" class="figure">
                {t('source_last')}
              </th>
              <th scope="col">{t('state')}</th>
              <td />
            </tr>
          </thead>
          <tbody>
            {sources.map((one) => (
              <Row key={one.source} source={one} onLift={() => void lift(one.source)} />
            ))}
          </tbody>
        </table>
      )}
    </section>
  )
}

function Row({ source, onLift }: { readonly source: Source; readonly onLift: () => void }) {
  const banned = source.banned_until_ms > 0
  const did = Object.entries(source.kinds).toSorted(([, one], [, other]) => other - one)
  return (
    <tr data-testid="source" data-source={source.source}>
      <td class="tracking">{source.source}</td>
      <td class="wide">
        {did.map(([kind, times]) => `${told(kind, 'counter_')} ${count(times)}×`).join(', ')}
        {source.scanner && <small class="beside"> {source.scanner}</small>}
      </td>
      <td class="figure" data-label={t('source_last')}>
        <Since since_ms={source.last_ms} />
      </td>
      <td>
        <span class="badge" data-state={banned ? 'lost' : 'ready'}>
          {banned ? t('banned_for', { time: left(source.banned_until_ms) }) : t('heard')}
        </span>
      </td>
      <td class="act">
        {banned && (
          <button type="button" class="small" aria-label={`${t('lift_ban')}: ${source.source}`} onClick={onLift} data-testid="lift">
            {t('lift_ban')}
          </button>
        )}
      </td>
    </tr>
  )
}
