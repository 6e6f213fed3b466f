/** The SIP messages of one call: its past, then each as it comes; a message opens to its whole text. */
import { useSignal } from '@preact/signals'
import type { TraceLine } from '../wire.gen'
import { count, t, told } from '../i18n'
import { LINES_MAX, titleOf, type TelephonyLine } from './telephony'

const CALL_CHARS_MAX = 256

export function WatchedCall({ telephony }: { readonly telephony: TelephonyLine }) {
  const asked = useSignal(telephony.watched.value)
  const watched = telephony.watched.value
  const messages = telephony.messages.value
  const watch = (event: Event): void => {
    event.preventDefault()
    telephony.watch(asked.value.trim())
  }
  return (
    <section class="panel" aria-label={t('watch_title')}>
      <h2>{t('watch_title')}</h2>
      <form class="watch-call" onSubmit={watch}>
        <label>
          {t('call_id')}
          <input type="text" value={asked.value} maxLength={CALL_CHARS_MAX} autocomplete="off" spellcheck={false} onInput={(event) => (asked.value = event.currentTarget.value)} data-testid="watch-call" />
        </label>
        <button type="submit" disabled={!asked.value.trim()} data-testid="watch">
          {t('watch')}
        </button>
        {watched && (
          <button type="button" class="plain" onClick={() => telephony.watch('')} data-testid="watch-stop">
            {t('watch_stop')}
          </button>
        )}
      </form>
      {watched && messages.length === 0 && <p class="quiet">{t('watch_nothing', { call: watched })}</p>}
      {messages.length >= LINES_MAX && <p class="quiet">{t('watch_last', { count: count(LINES_MAX) })}</p>}
      {messages.length > 0 && (
        <ol class="messages" data-testid="messages">
          {messages.map((one, number) => (
            <Message key={`${one.at_ms} ${number}`} message={one} />
          ))}
        </ol>
      )}
    </section>
  )
}

function Message({ message }: { readonly message: TraceLine }) {
  const way = t(message.sent ? 'message_sent' : 'message_received')
  return (
    <li>
      <details>
        <summary>
          <time>{clock(message.at_ms)}</time>
          <span title={way} aria-label={way}>
            {message.sent ? '→' : '←'}
          </span>
          <span class="quiet">{told(message.party.split(' ', 1)[0] ?? '', 'party_')}</span>
          <strong>{titleOf(message.text)}</strong>
          <small class="quiet">
            {message.peer} {message.transport}
          </small>
          {message.lost > 0 && <small class="problem">{t('messages_lost', { count: count(message.lost) })}</small>}
        </summary>
        <pre tabIndex={0}>{message.text}</pre>
      </details>
    </li>
  )
}

function clock(at_ms: number): string {
  const at = new Date(at_ms)
  const two = (value: number): string => String(value).padStart(2, '0')
  return `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}.${String(at.getMilliseconds()).padStart(3, '0')}`
}
