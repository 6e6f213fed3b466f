/** What to tell a person about a failure: one sentence that says what to do next. */
import { t, told } from '../i18n'
import { Failure } from './api'
import { duration } from './clock'

export function explain(failure: unknown): string {
  if (!(failure instanceof Failure)) return t('server_error')
  if (failure.error === 'too_many_attempts') {
    return t('too_many_attempts', { time: duration(failure.retry_after_s * 1000) })
  }
  return told(failure.error, '', 'server_error')
}

export function fieldReason(reason: string): string {
  return told(reason, 'field_', 'field_bad')
}
