/** The desk's state: the server's view, the line, the audio. The view is replaced whole; the page shows it and asks. */
import { batch, computed, effect, signal } from '@preact/signals'
import type { DeskToPage, DeskToServer, NotReadyReason, View } from '../wire.gen'
import { callerText, language, t, told } from '../i18n'
import { loadMe } from '../shared/api'
import { AudioLink } from '../shared/audio'
import { learnTime } from '../shared/clock'
import { ring } from '../shared/ring'
import { CLOSED_LET_GO, CLOSED_TAKEN_OVER, Line } from '../shared/socket'
import { rings } from '../shared/title'
import { Drafts } from './forms'
import { audioWanted, mutedBefore, page, tab } from './tab'

const AUDIO_PAUSE_MIN_MS = 500
const AUDIO_PAUSE_MAX_MS = 10_000
const REFUSED_SHOWN_MS = 6_000

export class Desk {
  readonly view = signal<View | null>(null)
  readonly reasons = signal<readonly NotReadyReason[]>([])
  readonly core_up = signal(true)
  readonly replaced = signal(false)
  /** The core logged the operator out; the view's reason says why. */
  readonly let_go = signal(false)
  readonly refused = signal('')
  /** There are dial rules, so that numbers can be called at all. */
  readonly dials = signal(false)
  readonly dial_number = signal('')
  /** Why the number in the field may not be called, or was not reached. */
  readonly dial_problem = signal('')
  readonly drafts: Drafts
  readonly audio = new AudioLink(() => this.#audioLost())
  readonly line = new Line<DeskToPage, DeskToServer>({
    path: '/ws/desk',
    hello: () => ({ type: 'hello', tab: tab(), page, lang: language.peek() }),
    onMessage: (message) => this.#take(message),
    onEnded: (code) => this.#ended(code),
  })
  /** What keeps "ready" away, as a key of the texts; empty when nothing does. */
  readonly obstacle = computed(() => (this.view.value?.audio === 'none' ? 'need_audio' : ''))
  /** What keeps calling a number away. */
  readonly dial_obstacle = computed(() => {
    const state = this.view.value?.state
    if (state === 'talking' || state === 'ringing') return 'in_call'
    return this.view.value?.audio === 'none' ? 'no_audio' : ''
  })
  #request = 0
  #dialled = ''
  #audio_tries = 0
  #audio_timer: ReturnType<typeof setTimeout> | undefined
  #refused_timer: ReturnType<typeof setTimeout> | undefined
  #stop: (() => void)[] = []

  constructor(user: string) {
    this.drafts = new Drafts(globalThis.sessionStorage, user)
  }

  start(): void {
    this.line.open()
    this.audio.mute(mutedBefore.get())
    if (audioWanted.get()) this.#connectSoon(0)
    const leave = (): void => this.audio.close()
    addEventListener('pagehide', leave)
    this.#stop = [
      () => removeEventListener('pagehide', leave),
      effect(() => this.#alarm(this.view.value)),
      effect(() => {
        // A refused handshake looks like a dead line: ask whether we are still logged in.
        if (this.line.state.value === 'down') void loadMe().catch(() => undefined)
      }),
    ]
  }

  stop(): void {
    for (const stop of this.#stop) stop()
    clearTimeout(this.#audio_timer)
    ring(false)
    rings.value = ''
    mutedBefore.set(false)
    this.drafts.forgetSaved()
    this.line.close()
    this.audio.close()
  }

  ask(message: DeskToServer): string {
    const request = String((this.#request += 1))
    if (!this.line.send({ ...message, request } as DeskToServer)) this.#refuse(t('line_down'))
    return request
  }

  /** The number stays in the field until somebody answers. */
  dial(number: string): void {
    this.typeNumber(number)
    this.#dialled = this.ask({ type: 'dial', number })
  }

  typeNumber(number: string): void {
    batch(() => {
      this.dial_number.value = number
      this.dial_problem.value = ''
    })
  }

  /** The reason for a break, or the plan's first when it calls none so. */
  usualReason(): string {
    const known = this.reasons.value
    return known.some((one) => one.reason === 'break') ? 'break' : (known[0]?.reason ?? 'break')
  }

  async connectAudio(): Promise<void> {
    clearTimeout(this.#audio_timer)
    audioWanted.set(true)
    const sdp = await this.audio.offer()
    if (sdp === null) return
    if (!this.line.send({ type: 'audio_offer', sdp })) this.#connectSoon()
  }

  /** Also after a reload: nobody is heard again without wanting it. */
  mute(muted: boolean): void {
    mutedBefore.set(muted)
    this.audio.mute(muted)
  }

  disconnectAudio(): void {
    clearTimeout(this.#audio_timer)
    audioWanted.set(false)
    this.audio.close()
    this.line.send({ type: 'audio_close' })
  }

  takeBack(): void {
    location.reload()
  }

  #take(message: DeskToPage): void {
    switch (message.type) {
      case 'welcome':
        learnTime(message.now_ms)
        this.reasons.value = message.not_ready_reasons
        this.dials.value = message.dials
        break
      case 'view':
        this.#show(message)
        break
      case 'reasons':
        this.reasons.value = message.not_ready_reasons
        break
      case 'core':
        this.core_up.value = message.state === 'up'
        break
      case 'refused':
        // At once or after it rang: why the number in the field was not reached. A number dialled at the phone has no request.
        if (message.request ? message.request === this.#dialled : this.view.value?.call?.dialling) {
          this.dial_problem.value = told(message.reason, '', 'refused')
        } else this.#refuse(told(message.reason, '', 'refused'))
        break
      case 'error':
        this.#refuse(message.error === 'core_away' ? t('core_away_short') : told(message.error, '', 'refused'))
        break
      case 'audio_answer':
        this.#answer(message.sdp, message.error)
        break
      case 'audio_ended':
        this.audio.close('lost')
        this.#audioLost()
        break
      case 'replaced':
        this.#ended(CLOSED_TAKEN_OVER)
        break
      case 'ping':
        break
    }
  }

  #show(view: View): void {
    learnTime(view.now_ms)
    const before = this.view.value
    if (before && view.revision < before.revision) return
    batch(() => {
      this.view.value = view
      if (view.call) this.drafts.forCall(view.call.call, view.call.caller)
      if (view.call?.outbound && view.call.answered_ms) this.typeNumber('')
    })
    if (view.audio === 'browser') this.#audio_tries = 0
    // The server lost our audio while the browser still believes in it: make it anew.
    const connected = this.audio.state.value === 'connected'
    if (before?.audio === 'browser' && view.audio === 'none' && connected && audioWanted.get()) {
      this.audio.close('lost')
      this.#audioLost()
    }
  }

  #answer(sdp: string, error: string): void {
    if (!error) {
      void this.audio.answer(sdp)
      return
    }
    this.audio.close('lost')
    this.#refuse(told(error, '', 'audio_failed'))
    this.#audioLost()
  }

  #audioLost(): void {
    if (audioWanted.get() && !this.replaced.value && !this.let_go.value) this.#connectSoon()
  }

  #connectSoon(pause_ms?: number): void {
    clearTimeout(this.#audio_timer)
    const growing_ms = Math.min(AUDIO_PAUSE_MAX_MS, AUDIO_PAUSE_MIN_MS * 2 ** this.#audio_tries)
    this.#audio_tries += 1
    this.#audio_timer = setTimeout(() => {
      if (this.line.state.value === 'up' && this.core_up.value) void this.connectAudio()
      else this.#connectSoon(AUDIO_PAUSE_MIN_MS)
    }, pause_ms ?? growing_ms)
  }

  #ended(code: number): void {
    clearTimeout(this.#audio_timer)
    ring(false)
    if (code === CLOSED_TAKEN_OVER) this.replaced.value = true
    else if (code === CLOSED_LET_GO) this.let_go.value = true
    else void loadMe().catch(() => undefined)
    this.audio.close()
  }

  #refuse(text: string): void {
    clearTimeout(this.#refused_timer)
    this.refused.value = text
    this.#refused_timer = setTimeout(() => {
      this.refused.value = ''
    }, REFUSED_SHOWN_MS)
  }

  #offered = 0

  /** A pop-up in a window that nobody looks at is heard and seen all the same. */
  #alarm(view: View | null): void {
    const offer = view?.offer ?? null
    ring(offer !== null && view?.audio !== 'phone')
    rings.value = offer ? `${offer.hazard ? '⚠' : '☎'} ${callerText(offer.caller)} · ${offer.service}` : ''
    if (offer && offer.offer !== this.#offered && document.hidden && globalThis.Notification?.permission === 'granted') {
      new Notification(t('offer_title'), { body: `${callerText(offer.caller)} · ${offer.service}`, tag: 'offer' })
    }
    this.#offered = offer?.offer ?? 0
  }
}
