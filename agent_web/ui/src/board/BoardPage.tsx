/** The supervisor's wallboard: queues, operators, calls, and whether all parts are there. */
import { useMemo } from 'preact/hooks'
import type { Board, BoardAgent, BoardCall, BoardQueue } from '../wire.gen'
import { callerText, count, language, t, told } from '../i18n'
import { now_ms, tick } from '../shared/clock'
import { useLine } from '../shared/live'
import { Banner, Since } from '../shared/parts'
import { behindLevel, BoardLine, inOrder, waitLevel } from './board'

export function BoardPage() {
  const board = useMemo(() => new BoardLine(), [])
  useLine(board.line)
  const picture = board.picture.value
  const down = board.line.state.value === 'down'
  const away = !down && !board.core_up.value
  return (
    <main class="board" data-stale={down || away}>
      <div class="page-head">
        <h1>{t('board')}</h1>
        {picture && <Health picture={picture} />}
      </div>
      {down && <Banner kind="bad">{t('line_down')}</Banner>}
      {away && <Banner>{t('core_away_board')}</Banner>}
      {!picture && <p class="quiet">{t('no_picture')}</p>}
      {picture && (
        <>
          <Queues queues={picture.queues} />
          <Operators agents={picture.agents} />
          <Calls picture={picture} />
        </>
      )}
    </main>
  )
}

function Health({ picture }: { readonly picture: Board }) {
  return (
    <div class="board-health">
      <span class="badge" data-state={picture.edges.length ? 'ready' : 'lost'} data-testid="board-edges">
        {t('edges')}: {picture.edges.join(', ') || t('none')}
      </span>
      <span class="badge" data-state={behindLevel(picture.store_behind) ? 'lost' : 'ready'} data-testid="board-store">
        {t('database')}: {picture.store_behind ? t('store_behind', { count: count(picture.store_behind) }) : t('up_to_date')}
      </span>
    </div>
  )
}

function Queues({ queues }: { readonly queues: readonly BoardQueue[] }) {
  return (
    <section class="panel flush" aria-label={t('queues')}>
      <table class="table board-queues">
        <thead>
          <tr>
            <th scope="col">{t('queue')}</th>
            {[t('waiting'), t('longest'), t('ready_count'), t('operators'), t('talking_count'), t('answered'), t('abandoned')].map((name) => (
              <th key={name} scope="col" class="figure">
                {name}
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
      <td class="figure" data-label={t('answered')} data-field="answered">
        {count(queue.answered)}
      </td>
      <td class="figure" data-label={t('abandoned')} data-field="abandoned">
        {count(queue.abandoned)}
      </td>
    </tr>
  )
}

function Operators({ agents }: { readonly agents: readonly BoardAgent[] }) {
  const here = agents.filter((one) => one.state !== 'logged_out').length
  return (
    <section class="panel flush" aria-label={t('operators')}>
      <h2>
        {t('operators')}{' '}
        <small class="quiet">
          {count(here)} / {count(agents.length)}
        </small>
      </h2>
      <ul class="operators">
        {inOrder(agents, language.value).map((agent) => (
          <Operator key={agent.agent} agent={agent} />
        ))}
      </ul>
    </section>
  )
}

function Operator({ agent }: { readonly agent: BoardAgent }) {
  const out = agent.state === 'logged_out'
  return (
    <li class="operator" data-testid={`board-agent-${agent.agent}`} data-state={agent.state}>
      <span class="operator-line">
        <span class="operator-name" title={agent.name}>
          {agent.name}
        </span>
        {!out && <Since since_ms={agent.since_ms} />}
      </span>
      <span class="operator-state">
        {told(agent.state, 'state_')}
        {agent.reason && !out && ` · ${told(agent.reason, 'reason_')}`}
      </span>
      {!out && <small>{told(agent.audio, 'audio_kind_')}</small>}
    </li>
  )
}

function Calls({ picture }: { readonly picture: Board }) {
  const hidden = picture.calls_live - picture.calls.length
  const queues = new Map(picture.queues.map((one) => [one.queue, one.name]))
  const agents = new Map(picture.agents.map((one) => [one.agent, one.name]))
  return (
    <section class="panel flush" aria-label={t('calls_live')}>
      <h2>
        {t('calls_live')} <small class="quiet">{count(picture.calls_live)}</small>
      </h2>
      {picture.calls.length === 0 && <p class="quiet">{t('no_calls')}</p>}
      {picture.calls.length > 0 && (
        <table class="table">
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
            {picture.calls.map((call) => (
              <CallRow key={call.call} call={call} queue={queues.get(call.queue) ?? call.queue} agent={agents.get(call.agent) ?? call.agent} />
            ))}
          </tbody>
        </table>
      )}
      {hidden > 0 && <p class="quiet">{t('calls_more', { count: count(hidden) })}</p>}
    </section>
  )
}

function CallRow({ call, queue, agent }: { readonly call: BoardCall; readonly queue: string; readonly agent: string }) {
  return (
    <tr data-testid="board-call" data-call={call.call}>
      <td class="tracking">{callerText(call.caller)}</td>
      <td>
        <span class="badge" data-state={call.state}>
          {told(call.state, 'call_')}
        </span>
      </td>
      <td class="wide">{call.service}</td>
      <td class="wide">{queue}</td>
      <td class="wide">{agent}</td>
      <td class="figure" data-label={t('since_state')}>
        <Since since_ms={call.since_ms} />
      </td>
      <td class="figure" data-label={t('since_arrival')}>
        <Since since_ms={call.arrived_ms} />
      </td>
    </tr>
  )
}
