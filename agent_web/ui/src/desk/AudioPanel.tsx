/** The operator's audio: the browser's own, or their SIP phone. */
import { t } from '../i18n'
import { Meter } from '../shared/parts'
import type { Desk } from './desk'

export function AudioPanel({ desk }: { readonly desk: Desk }) {
  const audio = desk.audio
  const view = desk.view.value
  const state = audio.state.value
  const on_phone = view?.audio === 'phone'
  return (
    <section class="panel audio-panel" aria-label={t('audio')}>
      <h2>
        {t('audio')}
        <span class="audio-state" data-testid="audio-state" data-state={on_phone ? 'phone' : shown(state, view?.audio)}>
          {on_phone && view ? t('phone_registered', { phone: view.phone }) : t(`audio_${shown(state, view?.audio)}`)}
        </span>
      </h2>
      {audio.problem.value && (
        <p class="problem" role="alert">
          {t(audio.problem.value)}
        </p>
      )}
      {!on_phone && state === 'off' && (
        <button type="button" class="primary" onClick={() => void connect(desk)} data-testid="audio-connect">
          {t('audio_connect')}
        </button>
      )}
      {state === 'connected' && (
        <>
          <Meter label={t('microphone')} level={audio.muted.value ? 0 : audio.microphone_level.value} />
          <Meter label={t('remote')} level={audio.remote_level.value} />
          {audio.devices.value.length > 1 && <Devices desk={desk} />}
          <div class="row-actions">
            <button type="button" aria-pressed={audio.muted.value} onClick={() => desk.mute(!audio.muted.value)} data-testid="mute">
              {audio.muted.value ? t('unmute') : t('mute')}
            </button>
            <button type="button" class="plain" onClick={() => desk.disconnectAudio()} data-testid="audio-disconnect">
              {t('audio_disconnect')}
            </button>
          </div>
          {audio.muted.value && <p class="hint">{t('muted')}</p>}
        </>
      )}
      {view?.phone && <PhoneChoice desk={desk} phone={view.phone} registered={view.phone_registered} used={on_phone} />}
    </section>
  )
}

/** Connected means: the server hears us too. */
function shown(state: 'off' | 'connecting' | 'connected' | 'lost', server: string | undefined) {
  return state === 'connected' && server !== 'browser' ? 'connecting' : state
}

async function connect(desk: Desk): Promise<void> {
  // Asked here because browsers want a gesture for it.
  if (globalThis.Notification?.permission === 'default') void Notification.requestPermission()
  await desk.connectAudio()
}

function Devices({ desk }: { readonly desk: Desk }) {
  const audio = desk.audio
  return (
    <select
      aria-label={t('microphone')}
      value={audio.device.value}
      onChange={(event) => {
        audio.choose(event.currentTarget.value)
        void desk.connectAudio()
      }}
    >
      <option value="">{t('default_device')}</option>
      {audio.devices.value.map((device) => (
        <option key={device.deviceId} value={device.deviceId}>
          {device.label || device.deviceId.slice(0, 8)}
        </option>
      ))}
    </select>
  )
}

function PhoneChoice(props: { readonly desk: Desk; readonly phone: string; readonly registered: boolean; readonly used: boolean }) {
  const { desk, phone, registered, used } = props
  return (
    <div class="phone-choice">
      {!registered && <p class="quiet">{t('phone_absent', { phone })}</p>}
      {(registered || used) && (
        <button type="button" aria-pressed={used} onClick={() => desk.ask({ type: 'phone', use: !used })} data-testid="use-phone">
          {used ? t('stop_phone') : t('use_phone', { phone })}
        </button>
      )}
    </div>
  )
}
