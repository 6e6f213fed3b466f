/**
 * One order on the page. A change names the version that stands on the page; when somebody was faster, theirs is shown and
 * the text being written stays.
 */
import { batch, signal } from '@preact/signals'
import type { Order, OrderConflict, OrderPatch, OrderRow } from '../wire.gen'
import { changeOrder, Failure, loadOrder } from '../shared/api'
import { t } from '../i18n'
import { explain, fieldReason } from '../shared/errors'

export interface Edit {
  readonly text: string
  /** The description when the editing began, or when the person was last told of another. */
  readonly base: string
}

export class OneOrder {
  readonly order = signal<Order | null>(null)
  readonly edit = signal<Edit | null>(null)
  readonly busy = signal(false)
  readonly problem = signal('')
  readonly changed_elsewhere = signal(false)
  readonly missing = signal(false)
  #heard = 0

  constructor(
    readonly id: number,
    private readonly load: (id: number) => Promise<Order> = loadOrder,
    private readonly change: (id: number, patch: OrderPatch) => Promise<Order> = changeOrder,
  ) {}

  async reload(): Promise<void> {
    try {
      const order = await this.load(this.id)
      batch(() => {
        this.problem.value = ''
        this.#show(order)
      })
    } catch (failure) {
      if (failure instanceof Failure && failure.status === 404) this.missing.value = true
      else this.problem.value = explain(failure)
    }
  }

  /** The register tells a change; while one of ours is on its way we may be the cause. */
  heard(row: OrderRow): void {
    if (row.id !== this.id) return
    this.#heard = Math.max(this.#heard, row.version)
    if (!this.busy.value) this.#catchUp()
  }

  async setStatus(status: Order['status']): Promise<void> {
    await this.#patch({ status })
  }

  beginEdit(): void {
    const text = this.order.value?.description ?? ''
    this.edit.value = { text, base: text }
  }

  write(text: string): void {
    if (this.edit.value) this.edit.value = { ...this.edit.value, text }
  }

  endEdit(): void {
    this.edit.value = null
  }

  async saveEdit(): Promise<void> {
    const edit = this.edit.value
    if (edit && (await this.#patch({ description: edit.text.trim() }))) this.edit.value = null
  }

  async #patch(what: Omit<OrderPatch, 'version'>): Promise<boolean> {
    const order = this.order.value
    if (!order || this.busy.value) return false
    batch(() => {
      this.busy.value = true
      this.problem.value = ''
      this.changed_elsewhere.value = false
    })
    try {
      this.#done(await this.change(this.id, { version: order.version, ...what }))
      return true
    } catch (failure) {
      if (failure instanceof Failure && failure.error === 'version_conflict') this.#show((failure.problem as OrderConflict).order)
      else this.problem.value = reason(failure)
      return false
    } finally {
      this.busy.value = false
      this.#catchUp()
    }
  }

  /** Ours, unless the live line brought a later one meanwhile. */
  #done(order: Order): void {
    if (this.order.value && this.order.value.version > order.version) return
    batch(() => {
      this.order.value = order
      this.changed_elsewhere.value = false
    })
  }

  #catchUp(): void {
    const order = this.order.value
    if (order && this.#heard > order.version) void this.reload()
  }

  #show(order: Order): void {
    const before = this.order.value
    if (before && before.version >= order.version) return
    this.order.value = order
    if (before) this.changed_elsewhere.value = true
  }
}

/** There is one field: what is wrong with it is said outright. */
function reason(failure: unknown): string {
  const first = failure instanceof Failure ? failure.problem?.errors[0] : undefined
  return first ? `${t('order_description')}: ${fieldReason(first.reason)}` : explain(failure)
}
