/** Small pieces that several pages use. */
import type { ComponentChildren } from 'preact'
import { t } from '../i18n'
import { duration, now_ms, tick } from './clock'

/** Time since `since_ms`, ticking; within a region that is read out, the seconds are not. */
export function Since({ since_ms, testid }: { readonly since_ms: number; readonly testid?: string }) {
  void tick.value
  return (
    <time class="ticking" role="timer" aria-live="off" data-testid={testid}>
      {duration(now_ms() - since_ms)}
    </time>
  )
}

/** Time until `until_ms`, ticking down to 0:00. */
export function left(until_ms: number): string {
  void tick.value
  return duration(until_ms - now_ms() + 999)
}

export function Meter({ level, label }: { readonly level: number; readonly label: string }) {
  return (
    <div class="meter">
      <span class="meter-label">{label}</span>
      <meter min={0} max={1} value={level} aria-label={label} />
    </div>
  )
}

export function Banner({ children, kind = 'warn' }: { readonly children: ComponentChildren; readonly kind?: 'warn' | 'bad' | 'good' }) {
  return (
    <div class={`banner ${kind}`} role="status" data-testid="banner">
      {children}
    </div>
  )
}

export function Retry({ text, onRetry }: { readonly text: string; readonly onRetry: () => void }) {
  return (
    <div class="banner bad" role="alert">
      <span>{text}</span>
      <button type="button" onClick={onRetry}>
        {t('retry')}
      </button>
    </div>
  )
}
