/** The server's clock as the page knows it, and a tick that lets durations on the page move. */
import { signal } from '@preact/signals'

let offset_ms = 0

/** Every message of the server with `now_ms` sets the page's clock right. */
export function learnTime(server_now_ms: number): void {
  offset_ms = server_now_ms - Date.now()
}

export function now_ms(): number {
  return Date.now() + offset_ms
}

/** Changes twice a second; whoever reads it is drawn again. */
export const tick = signal(0)

setInterval(() => {
  tick.value += 1
}, 500)

/** `m:ss`, or `h:mm:ss` from an hour on; never negative. */
export function duration(length_ms: number): string {
  const total_s = Math.max(0, Math.floor(length_ms / 1000))
  const hours = Math.floor(total_s / 3600)
  const minutes = Math.floor((total_s % 3600) / 60)
  const seconds = String(total_s % 60).padStart(2, '0')
  return hours > 0 ? `${hours}:${String(minutes).padStart(2, '0')}:${seconds}` : `${minutes}:${seconds}`
}
