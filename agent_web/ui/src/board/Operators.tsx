/** The operators: who does what since when, how much of the day's work is theirs. */
import { useSignal } from '@preact/signals'
import type { BoardAgent } from '../wire.gen'
import { count, language, percent, t, told } from '../i18n'
import type { Key } from '../i18n/en'
import { Since } from '../shared/parts'
import { inOrder, type AgentOrder } from './board'

const ORDERS: readonly [AgentOrder, Key][] = [
  ['name', 'order_name'],
  ['team', 'team'],
  ['state', 'state'],
  ['since', 'since_state'],
  ['calls', 'calls_taken'],
  ['occupancy', 'occupancy'],
]

const SHOWN_MAX = 500 // of each

const isAway = (one: BoardAgent): boolean => one.state === 'logged_out'

/** Those at work, in the order that the reader likes. */
export function Operators({ agents }: { readonly agents: readonly BoardAgent[] }) {
  const order = useSignal<AgentOrder>('name')
  const here = inOrder(agents.filter((one) => !isAway(one)), language.value, order.value)
  return (
    <section class="panel flush" aria-label={t('operators')}>
      <div class="section-head">
        <h2>
          {t('operators')}{' '}
          <small class="quiet">
            {count(here.length)} / {count(agents.length)}
          </small>
        </h2>
        <label class="sort">
          {t('sort_by')}
          <select value={order.value} onChange={(event) => (order.value = event.currentTarget.value as AgentOrder)} data-testid="board-sort">
            {ORDERS.map(([one, text]) => (
              <option key={one} value={one}>
                {t(text)}
              </option>
            ))}
          </select>
        </label>
      </div>
      <ul class="operators">
        {here.slice(0, SHOWN_MAX).map((agent) => (
          <Operator key={agent.agent} agent={agent} />
        ))}
      </ul>
      {here.length === 0 && <p class="quiet">{t(agents.length === 0 ? 'no_operators' : 'no_operators_here')}</p>}
      <More hidden={here.length - SHOWN_MAX} />
    </section>
  )
}

/** Those who are not: their names, below all that goes on. */
export function LoggedOut({ agents }: { readonly agents: readonly BoardAgent[] }) {
  const away = inOrder(agents.filter(isAway), language.value, 'name')
  if (away.length === 0) return null
  return (
    <section class="panel flush" aria-label={t('logged_out_list')} data-testid="board-away">
      <h2>
        {t('logged_out_list')} <small class="quiet">{count(away.length)}</small>
      </h2>
      <ul class="operators away">
        {away.slice(0, SHOWN_MAX).map((agent) => (
          <li key={agent.agent} class="operator" data-testid={`board-agent-${agent.agent}`} data-state={agent.state} title={agent.team}>
            {agent.name}
          </li>
        ))}
      </ul>
      <More hidden={away.length - SHOWN_MAX} />
    </section>
  )
}

function More({ hidden }: { readonly hidden: number }) {
  return hidden > 0 ? <p class="quiet">{t('operators_more', { count: count(hidden) })}</p> : null
}

function Operator({ agent }: { readonly agent: BoardAgent }) {
  return (
    <li class="operator" data-testid={`board-agent-${agent.agent}`} data-state={agent.state}>
      <span class="operator-line">
        <span class="operator-name" title={agent.name}>
          {agent.name}
        </span>
        <Since since_ms={agent.since_ms} />
      </span>
      <span class="operator-state">
        {told(agent.state, 'state_')}
        {agent.reason && ` · ${told(agent.reason, 'reason_')}`}
        {agent.paused && <span class="mark" data-testid="mark-paused">{t('mark_paused')}</span>}
        {agent.overdue && <span class="mark" data-mark="hazard" data-testid="mark-overdue">{t('mark_overdue')}</span>}
      </span>
      <small>
        {[agent.team, told(agent.audio, 'audio_kind_')].filter(Boolean).join(' · ')}
      </small>
      <small data-field="work">
        {t('calls_taken')}: {count(agent.calls)}
        {agent.dialled > 0 && ` · ${t('calls_dialled')}: ${count(agent.dialled)}`}
        {agent.occupancy !== null && ` · ${t('occupancy')}: ${percent(agent.occupancy)}`}
      </small>
    </li>
  )
}
