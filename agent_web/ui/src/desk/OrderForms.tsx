/** The forms being written, the one of the present call in front. */
import { useSignal } from '@preact/signals'
import { useRef } from 'preact/hooks'
import type { Catalogue, Order, OrderConflict } from '../wire.gen'
import { t } from '../i18n'
import type { Key } from '../i18n/en'
import { createOrder, Failure } from '../shared/api'
import { nameOf, useCatalogue } from '../shared/catalogue'
import { explain, fieldReason } from '../shared/errors'
import type { Desk } from './desk'
import { toOrder, touched, type Draft, type DraftField } from './forms'

export function OrderForms({ desk }: { readonly desk: Desk }) {
  const catalogue = useCatalogue()
  const chosen = useSignal('')
  const saved = desk.drafts.saved
  const call = desk.view.value?.call?.call ?? ''
  // The number of a form saved after its call is needed as much: the last one stays until the next call.
  const saved_call = call ? saved.value.find((order) => order.call === call) : saved.value.at(-1)
  const drafts = desk.drafts.all.value.filter((draft) => draft.call === call || touched(draft))
  const open = drafts.filter((draft) => !saved.value.some((order) => order.call === draft.call && !touched(draft)))
  const shown = open.find((draft) => draft.key === chosen.value) ?? open.find((draft) => draft.call === call) ?? open[0]
  if (!shown && !saved_call) return null
  return (
    <section class="panel order-panel" aria-label={t('order_new')}>
      {saved_call && (
        <p class="saved" role="status">
          {t('order_saved')}{' '}
          <a class="big-number" href={`/orders/${saved_call.id}`} data-testid="order-saved-number">
            {saved_call.tracking_number}
          </a>
        </p>
      )}
      {open.length > 1 && (
        <nav class="forms-list" aria-label={t('order_unsaved')}>
          {open.map((draft) => (
            <button key={draft.key} type="button" aria-pressed={draft === shown} onClick={() => (chosen.value = draft.key)}>
              {draft.caller_phone || draft.call || t('order_new')}
            </button>
          ))}
        </nav>
      )}
      {shown && (
        <OrderForm
          key={shown.key}
          desk={desk}
          draft={shown}
          catalogue={catalogue}
          onSaved={(order) => {
            desk.drafts.became(order)
            desk.drafts.remove(shown.key)
          }}
          onThere={(order) => desk.drafts.became(order)}
        />
      )}
    </section>
  )
}

interface FormProps {
  readonly desk: Desk
  readonly draft: Draft
  readonly catalogue: Catalogue | null
  readonly onSaved: (order: Order) => void
  /** The call or this form has an order already, made before this page was loaded or before an answer was lost. */
  readonly onThere: (order: Order) => void
}

function OrderForm({ desk, draft, catalogue, onSaved, onThere }: FormProps) {
  const form = useRef<HTMLFormElement>(null)
  const busy = useSignal(false)
  const problem = useSignal('')
  const errors = useSignal<Readonly<Record<string, string>>>({})
  const save = async (event: Event): Promise<void> => {
    event.preventDefault()
    if (busy.value) return
    busy.value = true
    problem.value = ''
    errors.value = {}
    try {
      onSaved(await createOrder(toOrder(desk.drafts.find(draft.key) ?? draft)))
    } catch (failure) {
      problem.value = explain(failure)
      if (failure instanceof Failure && failure.problem) {
        if (failure.error === 'call_has_order' || failure.error === 'key_reused') onThere((failure.problem as OrderConflict).order)
        errors.value = Object.fromEntries(failure.problem.errors.map((one) => [one.field, fieldReason(one.reason)]))
      }
    } finally {
      busy.value = false
    }
    requestAnimationFrame(() => form.current?.querySelector<HTMLElement>('.invalid :is(input, select, textarea)')?.focus())
  }
  const field = { draft, errors: errors.value, change: (name: DraftField, value: string) => desk.drafts.change(draft.key, name, value) }
  return (
    <form ref={form} class="order-form" onSubmit={(event) => void save(event)} noValidate data-testid="order-form" data-call={draft.call}>
      <h2>
        {t('order_new')} {draft.caller_phone && <small class="quiet">{t('order_for_call', { caller: draft.caller_phone })}</small>}
      </h2>
      <Field {...field} name="category" label="order_category">
        <select {...marks('category', errors.value)} value={draft.category} onChange={(event) => field.change('category', event.currentTarget.value)} data-testid="order-category">
          <option value="">{t('order_choose')}</option>
          {catalogue?.categories.map((category) => (
            <option key={category.id} value={category.id}>
              {nameOf(category)}
            </option>
          ))}
        </select>
      </Field>
      <Field {...field} name="description" label="order_description" lines={4} />
      <Field {...field} name="address" label="order_address" />
      <div class="field-pair">
        <Field {...field} name="district" label="order_district" />
        <Field {...field} name="priority" label="order_priority">
          <select {...marks('priority', errors.value)} value={draft.priority} onChange={(event) => field.change('priority', event.currentTarget.value)} data-testid="order-priority">
            {(catalogue?.priorities ?? ['normal']).map((one) => (
              <option key={one} value={one}>
                {t(`priority_${one}` as Key)}
              </option>
            ))}
          </select>
        </Field>
      </div>
      <div class="field-pair">
        <Field {...field} name="citizen_name" label="order_name" />
        <Field {...field} name="caller_phone" label="order_phone" kind="tel" />
      </div>
      {problem.value && (
        <p class="problem" role="alert" data-testid="order-problem">
          {problem.value}
        </p>
      )}
      {!catalogue && <p class="quiet">{t('loading')}</p>}
      <div class="row-actions">
        <button type="submit" class="primary" aria-disabled={busy.value} data-testid="order-save">
          {busy.value ? t('order_saving') : t('order_save')}
        </button>
        {touched(draft) && (
          <button
            type="button"
            class="plain"
            onClick={() => confirm(t('order_discard_sure')) && desk.drafts.remove(draft.key)}
            data-testid="order-discard"
          >
            {t('order_discard')}
          </button>
        )}
      </div>
    </form>
  )
}

interface FieldProps {
  readonly name: DraftField
  readonly label: Key
  readonly draft: Draft
  readonly errors: Readonly<Record<string, string>>
  readonly change: (name: DraftField, value: string) => void
  readonly lines?: number
  readonly kind?: 'tel'
  readonly children?: preact.ComponentChildren
}

/** What tells those who don't see it that a field is wrong, and where it stands why. */
function marks(name: DraftField, errors: Readonly<Record<string, string>>) {
  return errors[name] ? { 'aria-invalid': true, 'aria-describedby': `${name}-error` } : {}
}

function Field({ name, label, draft, errors, change, lines, kind, children }: FieldProps) {
  const error = errors[name]
  const common = { value: draft[name], ...marks(name, errors), 'data-testid': `order-${name.replaceAll('_', '-')}` }
  return (
    <label class={error ? 'field invalid' : 'field'}>
      <span>{t(label)}</span>
      {children ??
        (lines ? (
          <textarea {...common} rows={lines} onInput={(event) => change(name, event.currentTarget.value)} />
        ) : (
          <input {...common} inputMode={kind ?? 'text'} autocomplete="off" onInput={(event) => change(name, event.currentTarget.value)} />
        ))}
      {error && (
        <span id={`${name}-error`} class="field-error" data-testid={`order-error-${name}`}>
          {error}
        </span>
      )}
    </label>
  )
}
