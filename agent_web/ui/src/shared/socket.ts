/**
 * A socket that stays: reconnects with a growing, jittered pause, answers the server's pings, and takes ten seconds of silence
 * for a dead line. Close codes of docs/protocols/web.md decide whether it may come back.
 */
import { signal } from '@preact/signals'

export type LineState = 'connecting' | 'up' | 'down' | 'ended'

export const CLOSED_TAKEN_OVER = 4001
export const CLOSED_LOGGED_OUT = 4003
export const CLOSED_LET_GO = 4004
/** After these the line does not come back by itself. */
const CLOSED_FOR_GOOD = [CLOSED_TAKEN_OVER, CLOSED_LOGGED_OUT, CLOSED_LET_GO]
const SILENCE_MS = 10_000
const PAUSE_MIN_MS = 250
const PAUSE_MAX_MS = 8_000

export interface LineOptions<In, Out> {
  readonly path: string
  readonly onMessage: (message: In) => void
  /** Called on every connection; what it returns is said first. */
  readonly hello?: () => Out
  readonly onEnded?: (code: number) => void
  /** For tests: how a socket is made and how chance falls. */
  readonly connect?: (url: string) => WebSocket
  readonly chance?: () => number
}

/** How long to wait before try number `tries` (from 0), between half and the whole of a doubling pause. */
export function pause_ms(tries: number, chance: number): number {
  const whole = Math.min(PAUSE_MAX_MS, PAUSE_MIN_MS * 2 ** Math.min(tries, 10))
  return whole / 2 + (whole / 2) * chance
}

export class Line<In extends { readonly type: string }, Out extends { readonly type: string }> {
  readonly state = signal<LineState>('connecting')
  #socket: WebSocket | null = null
  #tries = 0
  #silence: ReturnType<typeof setTimeout> | undefined
  #again: ReturnType<typeof setTimeout> | undefined

  constructor(private readonly options: LineOptions<In, Out>) {}

  open(): void {
    if (this.#socket || this.state.value === 'ended') return
    const url = `${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}${this.options.path}`
    const socket = (this.options.connect ?? ((to) => new WebSocket(to)))(url)
    this.#socket = socket
    this.#listen()
    socket.onopen = () => {
      this.state.value = 'up'
      const hello = this.options.hello?.()
      if (hello) socket.send(JSON.stringify(hello))
    }
    socket.onmessage = (event: MessageEvent<string>) => this.#take(event.data)
    socket.onclose = (event) => this.#closed(socket, event.code)
  }

  /** False when the line is down: nothing is queued, the page says so instead. */
  send(message: Out): boolean {
    if (this.#socket?.readyState !== WebSocket.OPEN) return false
    this.#socket.send(JSON.stringify(message))
    return true
  }

  /** For good. */
  close(): void {
    this.state.value = 'ended'
    clearTimeout(this.#again)
    clearTimeout(this.#silence)
    const socket = this.#socket
    this.#socket = null
    if (!socket) return
    socket.onmessage = null
    // To close one that is being opened is an error in the browser's eyes.
    if (socket.readyState === WebSocket.CONNECTING) socket.onopen = () => socket.close(1000)
    else socket.close(1000)
  }

  #take(data: string): void {
    this.#tries = 0 // only now: a server may accept a connection to say that it is one too many
    this.#listen()
    const message = JSON.parse(data) as In & { readonly n?: number }
    if (message.type === 'ping') {
      this.#socket?.send(JSON.stringify({ type: 'pong', n: message.n }))
    } else {
      this.options.onMessage(message)
    }
  }

  #listen(): void {
    clearTimeout(this.#silence)
    const socket = this.#socket
    this.#silence = setTimeout(() => {
      // A dead line may never report its end: give the socket up and go on as if it had.
      if (socket && socket === this.#socket) {
        socket.onclose = null
        socket.close()
        this.#closed(socket, 1006)
      }
    }, SILENCE_MS)
  }

  #closed(socket: WebSocket, code: number): void {
    if (socket !== this.#socket) return
    this.#socket = null
    clearTimeout(this.#silence)
    if (this.state.value === 'ended') return
    if (CLOSED_FOR_GOOD.includes(code)) {
      this.state.value = 'ended'
      this.options.onEnded?.(code)
      return
    }
    this.state.value = 'down'
    this.#again = setTimeout(() => this.open(), pause_ms(this.#tries, (this.options.chance ?? Math.random)()))
    this.#tries += 1
  }
}
