/**
 * Work-order forms that are being written. Each is kept in the tab's storage with every keystroke, so that neither the end of the
 * call, nor a lost connection, nor a reload takes text away; a form goes when it is saved or discarded.
 */
import { signal } from '@preact/signals'
import type { NewOrder, Order } from '../wire.gen'
import { read, write } from '../shared/storage'
import { randomId } from './tab'

export interface Draft {
  readonly key: string
  readonly call: string
  /** The caller's number as it came; what stands in the form instead was written by somebody. */
  readonly caller: string
  readonly category: string
  readonly description: string
  readonly caller_phone: string
  readonly citizen_name: string
  readonly address: string
  readonly district: string
  readonly priority: string
}

/** What became of a form: its number is read out to the caller, also after another page was looked at. */
export type SavedOrder = Pick<Order, 'id' | 'call' | 'tracking_number'>

export type DraftField = Exclude<keyof Draft, 'key' | 'call' | 'caller'>

const KEY = 'santral.drafts'
const SAVED_KEY = 'santral.saved'
const SAVED_MAX = 20 // the register has them all
const DRAFTS_MAX = 50 // the oldest untouched one goes first; nobody writes so many

export class Drafts {
  readonly all = signal<readonly Draft[]>([])
  /** The orders of this tab's forms, the latest last. */
  readonly saved = signal<readonly SavedOrder[]>([])
  readonly #key: string
  readonly #saved_key: string

  constructor(
    private readonly storage: Storage | undefined,
    /** Whose forms: who logs in at the same tab later sees none of another's callers. */
    user: string,
    private readonly makeKey: () => string = randomId,
  ) {
    this.#key = `${KEY}.${user}`
    this.#saved_key = `${SAVED_KEY}.${user}`
    this.all.value = restore(read(storage, this.#key), isDraft)
    this.saved.value = restore(read(storage, this.#saved_key), isSaved)
  }

  /** The draft of a call, made when there is none. */
  forCall(call: string, caller: string): Draft {
    const known = this.all.value.find((draft) => draft.call === call)
    if (known) return known
    const number = /^\+?\d+$/.test(caller) ? caller : ''
    const draft: Draft = {
      key: this.makeKey(),
      call,
      caller: number,
      category: '',
      description: '',
      caller_phone: number,
      citizen_name: '',
      address: '',
      district: '',
      priority: 'normal',
    }
    // Untouched drafts of other calls are of no use to anybody.
    this.#keep([...this.all.value.filter(touched), draft].slice(-DRAFTS_MAX))
    return draft
  }

  change(key: string, field: DraftField, value: string): void {
    this.#keep(this.all.value.map((draft) => (draft.key === key ? { ...draft, [field]: value } : draft)))
  }

  remove(key: string): void {
    this.#keep(this.all.value.filter((draft) => draft.key !== key))
  }

  /** A form became this order, or was found to be this one already. */
  became({ id, call, tracking_number }: Order): void {
    const others = this.saved.value.filter((order) => order.id !== id)
    this.saved.value = [...others.slice(1 - SAVED_MAX), { id, call, tracking_number }]
    write(this.storage, this.#saved_key, JSON.stringify(this.saved.value))
  }

  /** The shift is over; the next one begins without numbers of this one. */
  forgetSaved(): void {
    this.saved.value = []
    write(this.storage, this.#saved_key, null)
  }

  find(key: string): Draft | undefined {
    return this.all.value.find((draft) => draft.key === key)
  }

  #keep(drafts: readonly Draft[]): void {
    this.all.value = drafts
    write(this.storage, this.#key, drafts.length ? JSON.stringify(drafts) : null)
  }
}

/** Whether somebody wrote something into it. */
export function touched(draft: Draft): boolean {
  const written = draft.category || draft.description || draft.citizen_name || draft.address || draft.district
  return Boolean(written) || draft.caller_phone !== draft.caller || draft.priority !== 'normal'
}

export function toOrder(draft: Draft): NewOrder {
  const { caller: _, ...order } = draft
  return {
    ...order,
    description: draft.description.trim(),
    citizen_name: draft.citizen_name.trim(),
    address: draft.address.trim(),
    district: draft.district.trim(),
    caller_phone: draft.caller_phone.replace(/[\s()-]/g, ''),
  }
}

function restore<T>(stored: string | null, isOne: (value: unknown) => value is T): readonly T[] {
  try {
    const all: unknown = JSON.parse(stored ?? '[]')
    return Array.isArray(all) ? all.filter(isOne) : []
  } catch {
    return []
  }
}

function isDraft(value: unknown): value is Draft {
  return hasTexts(value, ['key', 'call', 'caller', 'category', 'description', 'caller_phone', 'citizen_name', 'address', 'district', 'priority'])
}

function isSaved(value: unknown): value is SavedOrder {
  return hasTexts(value, ['call', 'tracking_number']) && typeof (value as Record<string, unknown>)['id'] === 'number'
}

function hasTexts(value: unknown, fields: readonly string[]): boolean {
  return typeof value === 'object' && value !== null && fields.every((field) => typeof (value as Record<string, unknown>)[field] === 'string')
}
