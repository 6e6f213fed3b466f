/**
 * The page's audio: one WebRTC connection to the server, no outside server asked. The offer leaves whole, after the browser
 * gathered its candidates. What the other side says plays through an `audio` element; meters show that both directions live.
 */
import { signal } from '@preact/signals'
import { read, write } from './storage'

export type AudioState = 'off' | 'connecting' | 'connected' | 'lost'
/** Keys of the page's texts. */
export type AudioProblem = 'insecure_page' | 'no_microphone' | 'microphone_denied' | 'microphone_busy' | 'audio_failed'

const GATHERING_MAX_MS = 2_000
const DISCONNECTED_MAX_MS = 4_000
const DEVICE_KEY = 'santral.microphone'
const METER_INTERVAL_MS = 100

/** `?processing=off` leaves the sound as it is (measurements, music); people talking want echo cancelled. */
const processing = new URLSearchParams(location.search).get('processing') !== 'off'

export class AudioLink {
  readonly state = signal<AudioState>('off')
  readonly problem = signal<AudioProblem | null>(null)
  readonly muted = signal(false)
  readonly microphone_level = signal(0)
  readonly remote_level = signal(0)
  readonly devices = signal<readonly MediaDeviceInfo[]>([])
  readonly device = signal(read(globalThis.localStorage, DEVICE_KEY) ?? '')
  #peer: RTCPeerConnection | null = null
  #microphone: MediaStream | null = null
  #attempt = 0
  #context: AudioContext | null = null
  #measures: (() => void)[] = []
  #meters: ReturnType<typeof setInterval> | undefined
  #disconnected: ReturnType<typeof setTimeout> | undefined
  readonly #player: HTMLAudioElement

  /** `onLost` is called when an established connection broke by itself. */
  constructor(private readonly onLost: () => void) {
    this.#player = document.createElement('audio')
    this.#player.autoplay = true
    document.body.append(this.#player)
  }

  /** The whole SDP offer, or null when it can't be made (`problem` says why) or a later one was begun meanwhile. */
  async offer(): Promise<string | null> {
    this.close()
    const attempt = ++this.#attempt
    this.problem.value = null
    this.state.value = 'connecting'
    const microphone = await this.#openMicrophone()
    if (attempt !== this.#attempt) {
      for (const track of microphone?.getTracks() ?? []) track.stop()
      return null
    }
    if (!microphone) {
      this.state.value = 'off'
      return null
    }
    this.#microphone = microphone
    const peer = new RTCPeerConnection({ iceServers: [] })
    this.#peer = peer
    for (const track of microphone.getTracks()) {
      track.enabled = !this.muted.value
      peer.addTrack(track, microphone)
    }
    peer.ontrack = (event) => this.#play(event.streams[0] ?? new MediaStream([event.track]))
    peer.onconnectionstatechange = () => this.#changed(peer)
    try {
      await peer.setLocalDescription(await peer.createOffer())
      await gathered(peer)
    } catch {
      if (attempt === this.#attempt) this.fail('audio_failed')
      return null
    }
    if (attempt !== this.#attempt) return null
    this.#meter(microphone, this.microphone_level)
    return peer.localDescription?.sdp ?? null
  }

  async answer(sdp: string): Promise<void> {
    try {
      await this.#peer?.setRemoteDescription({ type: 'answer', sdp })
    } catch {
      this.fail('audio_failed')
    }
  }

  /** The other side said no, or the answer is of no use. */
  fail(problem: AudioProblem): void {
    this.close()
    this.problem.value = problem
  }

  mute(muted: boolean): void {
    this.muted.value = muted
    for (const track of this.#microphone?.getAudioTracks() ?? []) track.enabled = !muted
  }

  choose(device: string): void {
    this.device.value = device
    write(globalThis.localStorage, DEVICE_KEY, device || null)
  }

  close(state: AudioState = 'off'): void {
    this.#attempt += 1
    clearTimeout(this.#disconnected)
    clearInterval(this.#meters)
    this.#meters = undefined
    this.#measures = []
    this.#peer?.close()
    this.#peer = null
    for (const track of this.#microphone?.getTracks() ?? []) track.stop()
    this.#microphone = null
    this.#player.srcObject = null
    void this.#context?.close()
    this.#context = null
    this.microphone_level.value = 0
    this.remote_level.value = 0
    this.state.value = state
  }

  async #openMicrophone(): Promise<MediaStream | null> {
    if (!navigator.mediaDevices) {
      this.problem.value = 'insecure_page'
      return null
    }
    const wanted: MediaTrackConstraints = {
      echoCancellation: processing,
      noiseSuppression: processing,
      autoGainControl: processing,
      channelCount: 1,
      ...(this.device.value ? { deviceId: { ideal: this.device.value } } : {}),
    }
    try {
      const stream = await navigator.mediaDevices.getUserMedia({ audio: wanted })
      const devices = await navigator.mediaDevices.enumerateDevices()
      this.devices.value = devices.filter((one) => one.kind === 'audioinput')
      return stream
    } catch (error) {
      this.problem.value = microphoneProblem(error)
      return null
    }
  }

  #changed(peer: RTCPeerConnection): void {
    if (peer !== this.#peer) return
    clearTimeout(this.#disconnected)
    if (peer.connectionState === 'connected') this.state.value = 'connected'
    else if (peer.connectionState === 'disconnected') {
      // May mend itself; the operator hears nothing meanwhile, so not for long.
      this.#disconnected = setTimeout(() => this.#lost(), DISCONNECTED_MAX_MS)
    } else if (peer.connectionState === 'failed' || peer.connectionState === 'closed') this.#lost()
  }

  #lost(): void {
    this.close('lost')
    this.onLost()
  }

  #play(stream: MediaStream): void {
    this.#player.srcObject = stream
    void this.#player.play().catch(() => undefined) // waits for a gesture; connecting was one
    this.#meter(stream, this.remote_level)
  }

  #meter(stream: MediaStream, level: { value: number }): void {
    this.#context ??= new AudioContext()
    const analyser = new AnalyserNode(this.#context, { fftSize: 512 })
    this.#context.createMediaStreamSource(stream).connect(analyser)
    const samples = new Float32Array(analyser.fftSize)
    this.#measures.push(() => {
      analyser.getFloatTimeDomainData(samples)
      const power = samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length
      level.value = Math.max(0, Math.min(1, 1 + Math.log10(power + 1e-6) / 6)) // -60 dB to 0 dB
    })
    this.#meters ??= setInterval(() => {
      if (!document.hidden) for (const measure of this.#measures) measure()
    }, METER_INTERVAL_MS)
  }
}

function gathered(peer: RTCPeerConnection): Promise<void> {
  return new Promise((done) => {
    if (peer.iceGatheringState === 'complete') done()
    const timer = setTimeout(done, GATHERING_MAX_MS)
    peer.onicegatheringstatechange = () => {
      if (peer.iceGatheringState !== 'complete') return
      clearTimeout(timer)
      done()
    }
  })
}

function microphoneProblem(error: unknown): AudioProblem {
  const name = error instanceof DOMException ? error.name : ''
  if (name === 'NotAllowedError' || name === 'SecurityError') return 'microphone_denied'
  if (name === 'NotFoundError' || name === 'OverconstrainedError') return 'no_microphone'
  return name === 'NotReadableError' ? 'microphone_busy' : 'audio_failed'
}
