/** What the list and the single order show alike. */
import type { OrderRow } from '../wire.gen'
import { dateTime, t, told } from '../i18n'
import { now_ms, tick } from '../shared/clock'

export function StatusBadge({ status }: { readonly status: OrderRow['status'] }) {
  return (
    <span class="badge" data-status={status}>
      {told(status, 'status_')}
    </span>
  )
}

/** When an order is due, and that it is late once the time has passed with the order open. */
export function Due({ order }: { readonly order: OrderRow }) {
  void tick.value
  if (!order.deadline_ms) return null
  const open = order.status !== 'done' && order.status !== 'cancelled'
  const late = open && order.deadline_ms < now_ms()
  return (
    <span class={late ? 'late' : undefined}>
      {dateTime(order.deadline_ms)}
      {late && ` · ${t('late')}`}
    </span>
  )
}
