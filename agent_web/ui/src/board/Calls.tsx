/** The live calls: those who wait first, in the order in which they will be taken. */
import type { Board, BoardCall } from '../wire.gen'
import { count, t, told } from '../i18n'
import { Marks } from '../shared/Marks'
import { Since } from '../shared/parts'
import { byTurn } from './board'
import { ExplanationDialog, openExplanation, WhyButton } from './Explanation'

export function Calls({ picture, queues }: { readonly picture: Board; readonly queues: ReadonlyMap<string, string> }) {
  const hidden = picture.calls_live - picture.calls.length
  const agents = new Map(picture.agents.map((one) => [one.agent, one.name]))
  return (
    <section class="panel flush" aria-label={t('calls_live')}>
      <h2>
        {t('calls_live')} <small class="quiet">{count(picture.calls_live)}</small>
      </h2>
      {picture.calls.length === 0 && <p class="quiet">{t('no_calls')}</p>}
      {picture.calls.length > 0 && (
        <table class="table board-calls">
          <thead>
            <tr>
              <th scope="col">{t('caller')}</th>
              <th scope="col">{t('state')}</th>
              <th scope="col">{t('service')}</th>
              <th scope="col">{t('queue')}</th>
              <th scope="col">{t('operator')}</th>
              <th scope="col" class="figure">
                {t('since_state')}
              </th>
              <th scope="col" class="figure">
                {t('since_arrival')}
              </th>
            </tr>
          </thead>
          <tbody>
            {byTurn(picture.calls, picture.queues, picture.at_ms).map((call) => (
              <CallRow key={call.call} call={call} queue={queues.get(call.queue) ?? call.queue} agents={agents} />
            ))}
          </tbody>
        </table>
      )}
      {hidden > 0 && <p class="quiet">{t('calls_more', { count: count(hidden) })}</p>}
      <ExplanationDialog />
    </section>
  )
}

interface RowProps {
  readonly call: BoardCall
  readonly queue: string
  readonly agents: ReadonlyMap<string, string>
}

function CallRow({ call, queue, agents }: RowProps) {
  const name = (id: string): string => agents.get(id) ?? id
  return (
    <tr data-testid="board-call" data-call={call.call} class={call.hazard ? 'opens hazard' : 'opens'} onClick={() => openExplanation(call)}>
      <td class="tracking">
        <WhyButton call={call} />
        <Marks of={call} />
      </td>
      <td>
        <span class="badge" data-state={call.state}>
          {told(call.state, 'call_')}
        </span>
      </td>
      <td class="wide">{call.outbound ? t('outbound') : call.service}</td>
      <td class="wide">
        {queue}
        {call.steps.length > 0 && <small class="beside">{t('mark_widened', { count: count(call.steps.length) })}</small>}
      </td>
      <td class="wide">
        {call.agent ? name(call.agent) : call.ringing.map(name).join(', ')}
        {call.only && <small class="beside">{t('mark_kept_for', { agent: name(call.only) })}</small>}
      </td>
      <td class="figure" data-label={t('since_state')}>
        <Since since_ms={call.since_ms} />
      </td>
      <td class="figure" data-label={t('since_arrival')}>
        <Since since_ms={call.arrived_ms} />
      </td>
    </tr>
  )
}
