/** The telephone side: each edge and how it is, its trunks, whom the guard does not hear, and the messages of a call as they come. */
import { useMemo } from 'preact/hooks'
import type { EdgeState } from '../wire.gen'
import { count, t, told } from '../i18n'
import { useLine } from '../shared/live'
import { Banner } from '../shared/parts'
import { search } from '../shared/router'
import { Sources } from './Sources'
import { sourcesOf, stepState, TelephonyLine } from './telephony'
import { Trunks } from './Trunks'
import { WatchedCall } from './WatchedCall'

export function TelephonyPage() {
  const call = new URLSearchParams(search.value).get('call') ?? ''
  const telephony = useMemo(() => new TelephonyLine(call), [call])
  useLine(telephony.line, () => telephony.watchAgain())
  const edges = telephony.edges.value
  const down = telephony.line.state.value === 'down'
  const away = !down && !telephony.core_up.value
  return (
    <main class="board" data-stale={down || away}>
      <div class="page-head">
        <h1>{t('telephony')}</h1>
      </div>
      {down && <Banner kind="bad">{t('line_down')}</Banner>}
      {away && <Banner>{t('core_away_board')}</Banner>}
      {!edges && <p class="quiet">{t('no_picture')}</p>}
      {edges?.length === 0 && !down && !away && <Banner>{t('no_edges')}</Banner>}
      {edges?.map((edge) => <Edge key={edge.edge} edge={edge} />)}
      {edges && edges.length > 0 && <Sources sources={sourcesOf(edges)} />}
      {edges && <WatchedCall telephony={telephony} key={call} />}
    </main>
  )
}

function Edge({ edge }: { readonly edge: EdgeState }) {
  return (
    <section class="panel flush" aria-label={edge.edge} data-testid={`edge-${edge.edge}`}>
      <div class="section-head">
        <h2>{edge.edge}</h2>
        <span class="board-health">
          <span class="badge" data-state="ready" data-testid="edge-calls">
            {t('calls_live')}: {count(edge.calls)}
          </span>
          <span class="badge" data-state={stepState(edge.step)} data-testid="edge-step">
            {t(edge.step === 0 ? 'load_fine' : 'load_refusing')}
            {edge.step > 0 && `: ${told(`load_step_${edge.step}`)}`}
          </span>
        </span>
      </div>
      <dl class="figures">
        {Object.entries(edge.counters).map(([name, value]) => (
          <div key={name} data-testid={`counter-${name}`}>
            <dt>{told(name, 'counter_')}</dt>
            <dd>{count(value)}</dd>
          </div>
        ))}
      </dl>
      {edge.trunks.length > 0 && <Trunks trunks={edge.trunks} />}
    </section>
  )
}
