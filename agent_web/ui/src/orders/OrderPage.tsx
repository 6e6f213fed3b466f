/** One work order: what is known, what may be done with it, what has happened to it. */
import { useEffect, useMemo } from 'preact/hooks'
import type { Catalogue, Order, OrderChange, OrdersToPage, OrdersToServer } from '../wire.gen'
import { dateTime, isKey, t, told } from '../i18n'
import { CallButton } from '../desk/CallButton'
import { categoryName, useCatalogue } from '../shared/catalogue'
import { useLine } from '../shared/live'
import { Banner, Retry } from '../shared/parts'
import { Line } from '../shared/socket'
import { OneOrder } from './order'
import { Due, StatusBadge } from './parts'

export function OrderPage({ id }: { readonly id: number }) {
  const catalogue = useCatalogue()
  const one = useMemo(() => new OneOrder(id), [id])
  const line = useMemo(() => makeLine(one), [one])
  useEffect(() => void one.reload(), [one])
  // What was told while the line was down has to be asked for.
  useLine(line, () => one.order.peek() && void one.reload())
  const order = one.order.value
  return (
    <main class="order-page">
      <p class="way-back">
        <a href="/orders">← {t('orders')}</a>
      </p>
      {line.state.value === 'down' && <Banner kind="bad">{t('line_down')}</Banner>}
      {one.changed_elsewhere.value && <Banner>{t('order_changed_elsewhere')}</Banner>}
      {one.problem.value && order && (
        <p class="problem" role="alert" data-testid="order-problem">
          {one.problem.value}
        </p>
      )}
      {one.problem.value && !order && <Retry text={one.problem.value} onRetry={() => void one.reload()} />}
      {!order && !one.problem.value && !one.missing.value && <p class="quiet">{t('loading')}</p>}
      {!order && one.missing.value && (
        <div class="card notice" role="alert" data-testid="order-missing">
          <h1>{t('order_missing')}</h1>
          <p>{t('order_missing_text')}</p>
        </div>
      )}
      {order && <Whole one={one} order={order} catalogue={catalogue} />}
    </main>
  )
}

function makeLine(one: OneOrder): Line<OrdersToPage, OrdersToServer> {
  return new Line({
    path: '/ws/orders',
    onMessage: (message) => {
      if (message.type === 'order_changed') one.heard(message.order)
      else if (message.type === 'orders_missed') void one.reload()
    },
  })
}

interface WholeProps {
  readonly one: OneOrder
  readonly order: Order
  readonly catalogue: Catalogue | null
}

function Whole({ one, order, catalogue }: WholeProps) {
  return (
    <article data-testid="order" data-tracking={order.tracking_number} data-version={order.version}>
      <div class="page-head">
        <h1>{order.tracking_number}</h1>
        <StatusBadge status={order.status} />
        <span>{categoryName(catalogue, order.category)}</span>
      </div>
      <div class="order-columns">
        <div class="order-main">
          <Actions one={one} order={order} catalogue={catalogue} />
          <Description one={one} order={order} />
          <History order={order} />
        </div>
        <Facts order={order} />
      </div>
    </article>
  )
}

function Actions({ one, order, catalogue }: WholeProps) {
  const next = catalogue?.next_statuses[order.status] ?? []
  return (
    <section class="panel">
      <h2>{t('change_status')}</h2>
      <div class="row-actions statuses">
        {next.map((status) => (
          <button key={status} type="button" disabled={one.busy.value} onClick={() => void one.setStatus(status)} data-testid={`order-to-${status}`}>
            {told(status, 'status_')}
          </button>
        ))}
      </div>
    </section>
  )
}

function Description({ one, order }: { readonly one: OneOrder; readonly order: Order }) {
  const edit = one.edit.value
  return (
    <section class="panel">
      <h2>{t('order_description')}</h2>
      {edit === null ? (
        <>
          <p class="text" data-testid="order-text">
            {order.description}
          </p>
          <div class="row-actions">
            <button type="button" onClick={() => one.beginEdit()} data-testid="order-edit">
              {t('edit')}
            </button>
          </div>
        </>
      ) : (
        <form
          class="order-form"
          onSubmit={(event) => {
            event.preventDefault()
            void one.saveEdit()
          }}
        >
          {order.description !== edit.base && <p class="text present">{order.description}</p>}
          <textarea
            rows={6}
            aria-label={t('order_description')}
            value={edit.text}
            onInput={(event) => one.write(event.currentTarget.value)}
            autofocus
            data-testid="order-edit-text"
          />
          <div class="row-actions">
            <button type="submit" class="primary" disabled={one.busy.value || !edit.text.trim()} data-testid="order-edit-save">
              {one.busy.value ? t('order_saving') : t('save')}
            </button>
            <button type="button" class="plain" onClick={() => one.endEdit()}>
              {t('cancel')}
            </button>
          </div>
        </form>
      )}
    </section>
  )
}

function Facts({ order }: { readonly order: Order }) {
  const facts: [string, preact.ComponentChildren][] = [
    [t('order_name'), order.citizen_name],
    [
      t('order_phone'),
      order.caller_phone && (
        <span class="row-actions">
          {order.caller_phone} <CallButton number={order.caller_phone} />
        </span>
      ),
    ],
    [t('order_address'), order.address],
    [t('order_district'), order.district],
    [t('order_priority'), told(order.priority, 'priority_')],
    [t('created'), `${dateTime(order.created_at_ms)} · ${order.created_by}`],
    [t('deadline'), order.deadline_ms ? <Due order={order} /> : ''],
    [t('call_id'), order.call],
  ]
  return (
    <section class="panel">
      <dl class="facts">
        {facts
          .filter(([, value]) => value !== '')
          .map(([name, value]) => (
            <div key={name}>
              <dt>{name}</dt>
              <dd>{value}</dd>
            </div>
          ))}
      </dl>
    </section>
  )
}

function History({ order }: { readonly order: Order }) {
  return (
    <section class="panel">
      <h2>{t('history')}</h2>
      <ol class="history">
        {order.history.toReversed().map((change) => (
          <li key={`${change.version} ${change.field}`} data-testid="order-history">
            <p class="quiet">
              <time>{dateTime(change.at_ms)}</time> · {change.by}
            </p>
            <Change change={change} />
          </li>
        ))}
      </ol>
    </section>
  )
}

function Change({ change }: { readonly change: OrderChange }) {
  const key = `history_${change.field}`
  const name = isKey(key) ? t(key) : change.field
  if (change.field === 'created') return <p>{name}</p>
  if (change.field === 'status') {
    return (
      <p>
        {name}: {told(change.before, 'status_')} → {told(change.after, 'status_')}
      </p>
    )
  }
  return (
    <>
      <p>{name}</p>
      <p class="text before">{change.before}</p>
      <p class="text">{change.after}</p>
    </>
  )
}
