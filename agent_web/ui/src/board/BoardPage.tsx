/** The supervisor's wallboard: the mode the centre is in, queues, callbacks, operators at work, calls, who is logged out, and whether all parts are there. */
import { useMemo } from 'preact/hooks'
import type { Board } from '../wire.gen'
import { count, t } from '../i18n'
import { useLine } from '../shared/live'
import { Banner } from '../shared/parts'
import { behindLevel, BoardLine } from './board'
import { Callbacks } from './Callbacks'
import { Calls } from './Calls'
import { ModeSwitch } from './ModeSwitch'
import { LoggedOut, Operators } from './Operators'
import { Queues } from './Queues'

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
        {picture && <ModeSwitch mode={picture.mode} />}
        {picture && <Health picture={picture} />}
      </div>
      {down && <Banner kind="bad">{t('line_down')}</Banner>}
      {away && <Banner>{t('core_away_board')}</Banner>}
      {picture?.mode === 'emergency' && (
        <Banner kind="bad">
          {t('mode_emergency')}: {t('mode_emergency_text')}
        </Banner>
      )}
      {picture?.mode === 'closed' && (
        <Banner>
          {t('mode_closed')}: {t('mode_closed_text')}
        </Banner>
      )}
      {!picture && <p class="quiet">{t('no_picture')}</p>}
      {picture && <Parts picture={picture} />}
    </main>
  )
}

function Parts({ picture }: { readonly picture: Board }) {
  const queues = new Map(picture.queues.map((one) => [one.queue, one.name]))
  return (
    <>
      <Queues queues={picture.queues} />
      {picture.callbacks_open > 0 && <Callbacks callbacks={picture.callbacks} open={picture.callbacks_open} queues={queues} />}
      <Operators agents={picture.agents} />
      <Calls picture={picture} queues={queues} />
      <LoggedOut agents={picture.agents} />
    </>
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
