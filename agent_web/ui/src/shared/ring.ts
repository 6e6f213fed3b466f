/** A soft two-tone ring while an offer stands, made by the browser itself. */

const TONES_HZ = [660, 880] as const
const EVERY_MS = 2_000

let context: AudioContext | null = null
let timer: ReturnType<typeof setInterval> | undefined

export function ring(on: boolean): void {
  clearInterval(timer)
  timer = undefined
  if (!on) {
    void context?.close()
    context = null
    return
  }
  context ??= new AudioContext()
  strike(context)
  timer = setInterval(() => context && strike(context), EVERY_MS)
}

function strike(on: AudioContext): void {
  TONES_HZ.forEach((tone_hz, index) => {
    const start_s = on.currentTime + index * 0.22
    const oscillator = new OscillatorNode(on, { frequency: tone_hz })
    const gain = new GainNode(on, { gain: 0 })
    gain.gain.setValueAtTime(0.0001, start_s)
    gain.gain.exponentialRampToValueAtTime(0.12, start_s + 0.02)
    gain.gain.exponentialRampToValueAtTime(0.0001, start_s + 0.5)
    oscillator.connect(gain).connect(on.destination)
    oscillator.start(start_s)
    oscillator.stop(start_s + 0.55)
  })
}
