/** The register of work orders, live. The filter is kept in the address, so that "back" and a bookmark find it again. */
import { useSignal } from '@preact/signals'
import { useEffect, useMemo, useRef } from 'preact/hooks'
import type { Catalogue, OrderRow, OrdersToPage, OrdersToServer } from '../wire.gen'
import { count, dateTime, t, told } from '../i18n'
import { categoryName, nameOf, useCatalogue } from '../shared/catalogue'
import { useLine } from '../shared/live'
import { Banner, Retry } from '../shared/parts'
import { go, search } from '../shared/router'
import { Line } from '../shared/socket'
import { Due, StatusBadge } from './parts'
import { Register, ROWS_MAX, type Filter } from './register'

const TYPING_MS = 300

function filterOf(query: string): Filter {
  const asked = new URLSearchParams(query)
  return { status: asked.get('status') ?? '', category: asked.get('category') ?? '', text: asked.get('text') ?? '' }
}

function goTo(filter: Filter): void {
  const query = new URLSearchParams(Object.entries(filter).filter(([, value]) => value !== '')).toString()
  go(query ? `/orders?${query}` : '/orders', true)
}

export function OrdersPage() {
  const catalogue = useCatalogue()
  const register = useMemo(() => new Register(), [])
  const line = useMemo(() => makeLine(register), [register])
  const filter = filterOf(search.value)
  useLine(line, () => register.loaded.peek() && void register.reload())
  useEffect(() => () => register.stop(), [register])
  useEffect(() => void register.show(filterOf(search.value)), [register, search.value])
  const state = line.state.value
  return (
    <main>
      <div class="page-head">
        <h1>{t('orders')}</h1>
        {state === 'up' && (
          <span class="badge" data-state="ready">
            {t('live')}
          </span>
        )}
      </div>
      {state === 'down' && <Banner kind="bad">{t('line_down')}</Banner>}
      {register.problem.value && <Retry text={register.problem.value} onRetry={() => void register.reload()} />}
      <Filters filter={filter} catalogue={catalogue} />
      <section class="panel flush" aria-label={t('orders')} aria-busy={register.loading.value}>
        {register.rows.value.length > 0 && <List rows={register.rows.value} catalogue={catalogue} />}
        {register.rows.value.length === 0 && !register.problem.value && (
          <p class="quiet">{!register.loaded.value ? t('loading') : search.value ? t('orders_none') : t('orders_empty')}</p>
        )}
      </section>
      <More register={register} />
    </main>
  )
}

function makeLine(register: Register): Line<OrdersToPage, OrdersToServer> {
  return new Line({
    path: '/ws/orders',
    onMessage: (message) => {
      if (message.type === 'order_changed') register.changed(message.order)
      else if (message.type === 'orders_missed') void register.reload()
    },
  })
}

function Filters({ filter, catalogue }: { readonly filter: Filter; readonly catalogue: Catalogue | null }) {
  const typed = useSignal(filter.text)
  const sent = useRef(filter.text)
  const change = (part: Partial<Filter>): void => goTo({ ...filterOf(location.search), ...part })
  useEffect(() => {
    const timer = setTimeout(() => {
      sent.current = typed.value
      change({ text: typed.value })
    }, TYPING_MS)
    return () => clearTimeout(timer)
  }, [typed.value])
  useEffect(() => {
    // Another address, not the one that our own typing made.
    if (filter.text !== sent.current) typed.value = filter.text
  }, [filter.text])
  return (
    <form class="filters" role="search" onSubmit={(event) => event.preventDefault()}>
      <label>
        {t('state')}
        <select value={filter.status} onChange={(event) => change({ status: event.currentTarget.value })} data-testid="orders-status">
          <option value="">{t('all_statuses')}</option>
          {catalogue?.statuses.map((one) => (
            <option key={one} value={one}>
              {told(one, 'status_')}
            </option>
          ))}
        </select>
      </label>
      <label>
        {t('order_category')}
        <select value={filter.category} onChange={(event) => change({ category: event.currentTarget.value })} data-testid="orders-category">
          <option value="">{t('all_categories')}</option>
          {catalogue?.categories.map((one) => (
            <option key={one.id} value={one.id}>
              {nameOf(one)}
            </option>
          ))}
        </select>
      </label>
      <label>
        {t('orders_filter')}
        <input type="search" maxLength={200} value={typed.value} onInput={(event) => (typed.value = event.currentTarget.value)} data-testid="orders-text" />
      </label>
    </form>
  )
}

function List({ rows, catalogue }: { readonly rows: readonly OrderRow[]; readonly catalogue: Catalogue | null }) {
  return (
    <table class="table">
      <thead>
        <tr>
          <th scope="col">{t('tracking')}</th>
          <th scope="col">{t('state')}</th>
          <th scope="col">{t('order_category')}</th>
          <th scope="col">{t('order_address')}</th>
          <th scope="col">{t('caller')}</th>
          <th scope="col">{t('order_priority')}</th>
          <th scope="col">{t('created')}</th>
          <th scope="col">{t('deadline')}</th>
        </tr>
      </thead>
      <tbody>
        {rows.map((row) => (
          <Row key={row.id} row={row} catalogue={catalogue} />
        ))}
      </tbody>
    </table>
  )
}

function Row({ row, catalogue }: { readonly row: OrderRow; readonly catalogue: Catalogue | null }) {
  const strong = row.priority === 'high' || row.priority === 'urgent'
  return (
    <tr data-testid="orders-row" data-tracking={row.tracking_number} data-call={row.call} data-order-status={row.status}>
      <td class="tracking">
        <a href={`/orders/${row.id}`}>{row.tracking_number}</a>
      </td>
      <td>
        <StatusBadge status={row.status} />
      </td>
      <td class="wide words">{categoryName(catalogue, row.category)}</td>
      <td class="wide">{[row.address, row.district].filter(Boolean).join(', ')}</td>
      <td class="wide">{[row.citizen_name, row.caller_phone].filter(Boolean).join(' · ')}</td>
      <td class={strong ? 'late' : undefined} data-label={t('order_priority')}>
        {told(row.priority, 'priority_')}
      </td>
      <td class="time">{dateTime(row.created_at_ms)}</td>
      <td class="time wide" data-label={t('deadline')}>
        <Due order={row} />
      </td>
    </tr>
  )
}

function More({ register }: { readonly register: Register }) {
  if (register.next.value === null) return null
  if (register.rows.value.length >= ROWS_MAX) return <p class="more quiet">{t('orders_limit', { count: count(ROWS_MAX) })}</p>
  return (
    <p class="more">
      <button type="button" disabled={register.loading.value} onClick={() => void register.more()} data-testid="orders-more">
        {t('orders_more')}
      </button>
    </p>
  )
}
