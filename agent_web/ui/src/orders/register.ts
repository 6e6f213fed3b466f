/**
 * The register as the page holds it: pages of the list, newest first, and live changes laid over them. Of two versions of an
 * order the larger counts, whichever way it came, so a list that was on its way while a change was told brings nothing back.
 */
import { batch, signal } from '@preact/signals'
import type { OrderPage, OrderRow } from '../wire.gen'
import { loadOrders } from '../shared/api'
import { explain } from '../shared/errors'

export interface Filter {
  readonly status: string
  readonly category: string
  readonly text: string
}

export const ROWS_MAX = 1_000 // more is no list to read any more; the search finds the rest
const PAGE_ROWS = 50
const RELOAD_ROWS_MAX = 200 // as many as the server gives at once
const SEARCH_AGAIN_MS = 1_000

type Load = (query: Record<string, string>) => Promise<OrderPage>

export class Register {
  readonly rows = signal<readonly OrderRow[]>([])
  readonly next = signal<number | null>(null)
  readonly loaded = signal(false)
  readonly loading = signal(false)
  readonly problem = signal('')
  #filter: Filter = { status: '', category: '', text: '' }
  #asked = 0
  #told: OrderRow[] = []
  #again: ReturnType<typeof setTimeout> | undefined

  constructor(private readonly load: Load = loadOrders) {}

  /** Another filter: the list begins anew. */
  show(filter: Filter): Promise<void> {
    this.#filter = filter
    batch(() => {
      this.loaded.value = false
      this.rows.value = []
      this.next.value = null
    })
    return this.reload()
  }

  /** The same list as it is now. */
  async reload(): Promise<void> {
    const wanted = Math.min(RELOAD_ROWS_MAX, Math.max(PAGE_ROWS, this.rows.value.length))
    await this.#ask({ limit: String(wanted) }, () => [])
  }

  async more(): Promise<void> {
    const before = this.next.value
    if (before === null || this.loading.value) return
    await this.#ask({ before: String(before), limit: String(PAGE_ROWS) }, () => this.rows.value)
  }

  /** An order is new or changed. */
  changed(row: OrderRow): void {
    if (this.loading.value) this.#told.push(row)
    const known = this.rows.value.find((one) => one.id === row.id)
    if (known && known.version >= row.version) return
    if (!known && this.#filter.text.trim()) {
      // Only the server knows what the words of a search find.
      this.#again ??= setTimeout(() => {
        this.#again = undefined
        void this.reload()
      }, SEARCH_AGAIN_MS)
      return
    }
    const others = this.rows.value.filter((one) => one.id !== row.id)
    const last = others.at(-1)
    const in_reach = this.next.value === null || known !== undefined || (last !== undefined && row.id > last.id)
    this.#keep(in_reach && this.#matches(row) ? [...others, row] : others, this.next.value)
  }

  stop(): void {
    clearTimeout(this.#again)
    this.#again = undefined
    this.#asked += 1
  }

  async #ask(query: Record<string, string>, front: () => readonly OrderRow[]): Promise<void> {
    const asked = (this.#asked += 1)
    this.loading.value = true
    this.#told = []
    try {
      const page = await this.load({ ...this.#filter, ...query })
      if (asked !== this.#asked) return
      batch(() => {
        const told = this.#told
        this.loading.value = false
        this.loaded.value = true
        this.problem.value = ''
        const kept = front()
        const ids = new Set(page.orders.map((row) => row.id))
        this.#keep([...kept.filter((row) => !ids.has(row.id)), ...page.orders], page.next)
        for (const row of told) this.changed(row)
      })
    } catch (failure) {
      if (asked !== this.#asked) return
      this.loading.value = false
      this.problem.value = explain(failure)
    }
  }

  #matches(row: OrderRow): boolean {
    const { status, category } = this.#filter
    return (!status || row.status === status) && (!category || row.category === category)
  }

  #keep(rows: readonly OrderRow[], next: number | null): void {
    const sorted = rows.toSorted((one, other) => other.id - one.id)
    const kept = sorted.slice(0, ROWS_MAX)
    batch(() => {
      this.rows.value = kept
      this.next.value = kept.length < sorted.length ? (kept.at(-1)?.id ?? null) : next
    })
  }
}
