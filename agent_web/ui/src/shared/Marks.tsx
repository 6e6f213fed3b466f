/** What is special about a call, in words: danger first and loudest. */
import { count, t } from '../i18n'

export interface Marked {
  readonly hazard: boolean
  readonly vip: boolean
  /** How often this caller called before, lately. */
  readonly repeat: number
  readonly kept?: boolean
  /** For how many others it rings. */
  readonly shared?: number
}

export function Marks({ of }: { readonly of: Marked }) {
  const marks: [kind: string, text: string][] = []
  if (of.hazard) marks.push(['hazard', t('mark_hazard')])
  if (of.vip) marks.push(['vip', t('mark_vip')])
  if (of.kept) marks.push(['kept', t('mark_kept')])
  if (of.repeat > 0) marks.push(['repeat', t('mark_repeat', { count: count(of.repeat) })])
  if (of.shared) marks.push(['shared', t('mark_shared', { count: count(of.shared) })])
  if (marks.length === 0) return null
  return (
    <ul class="marks" aria-label={t('marks')}>
      {marks.map(([kind, text]) => (
        <li key={kind} class="mark" data-mark={kind} data-testid={`mark-${kind}`}>
          {text}
        </li>
      ))}
    </ul>
  )
}
