/** One test call after another: a line, an offer, keys, an end. */
import { signal } from '@preact/signals'
import type { CallKey, CallToPage, CallToServer } from '../wire.gen'
import { t, told } from '../i18n'
import { AudioLink } from '../shared/audio'
import { now_ms } from '../shared/clock'
import { Line } from '../shared/socket'

export type CallState = 'idle' | 'connecting' | 'connected' | 'ended'

const LINE_MAX_MS = 10_000

export class Call {
  readonly state = signal<CallState>('idle')
  readonly problem = signal('')
  readonly since_ms = signal(0)
  readonly audio = new AudioLink(() => this.#over('audio_failed'))
  #line: Line<CallToPage, CallToServer> | null = null
  #stopWatching: (() => void) | null = null

  async dial(number: string, own: string): Promise<void> {
    this.problem.value = ''
    this.state.value = 'connecting'
    const sdp = await this.audio.offer()
    if (sdp === null) {
      this.#over(this.audio.problem.value ?? 'audio_failed')
      return
    }
    const digits = (text: string): string => text.replace(/[\s()-]/g, '')
    const offer: CallToServer = { type: 'call_offer', dialled: digits(number), caller: digits(own), sdp }
    const line = new Line<CallToPage, CallToServer>({
      path: '/ws/call',
      hello: () => offer,
      onMessage: (message) => this.#take(message),
      onEnded: () => this.#over(''),
    })
    this.#line = line
    const timer = setTimeout(() => this.#over('no_connection'), LINE_MAX_MS)
    const unsubscribe = this.audio.state.subscribe((state) => {
      if (state !== 'connected' || this.state.value !== 'connecting') return
      clearTimeout(timer)
      this.since_ms.value = now_ms()
      this.state.value = 'connected'
    })
    // The call is on this one connection: when the line breaks, so does the call.
    const unwatch = line.state.subscribe((state) => {
      if (state === 'down') this.#over('no_connection')
    })
    this.#stopWatching = () => {
      clearTimeout(timer)
      unsubscribe()
      unwatch()
    }
    line.open()
  }

  press(key: CallKey['key']): void {
    this.#line?.send({ type: 'key', key })
  }

  hangUp(): void {
    this.#line?.send({ type: 'hang_up' })
    this.#over('')
  }

  stop(): void {
    if (this.state.value === 'connecting' || this.state.value === 'connected') this.hangUp()
  }

  #take(message: CallToPage): void {
    if (message.type === 'audio_answer') {
      if (message.error) this.#over(message.error)
      else void this.audio.answer(message.sdp)
    } else if (message.type === 'audio_ended') this.#over('')
    else if (message.type === 'error') this.#over(message.error)
  }

  #over(problem: string): void {
    const was = this.state.value
    this.#stopWatching?.()
    this.#stopWatching = null
    this.#line?.close()
    this.#line = null
    this.audio.close()
    if (problem) this.problem.value = problem === 'core_away' ? t('core_away_short') : told(problem, '', 'refused')
    this.state.value = was === 'connected' || !problem ? 'ended' : 'idle'
  }
}
