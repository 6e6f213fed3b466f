/** A line for as long as a page is shown; when it can't be opened or the log-in has ended, the log-in page comes. */
import { effect, untracked } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import { loadMe } from './api'
import type { Line } from './socket'

type AnyLine = Pick<Line<never, never>, 'open' | 'close' | 'state'>

export function useLine(line: AnyLine, onUp?: () => void): void {
  useEffect(() => {
    line.open()
    const stop = effect(() => {
      const state = line.state.value
      if (state === 'up' && onUp) untracked(onUp)
      // A refused handshake looks like a dead line: ask whether we are still logged in.
      if (state === 'down' || state === 'ended') void untracked(loadMe).catch(() => undefined)
    })
    return () => {
      stop()
      line.close()
    }
  }, [line])
}
