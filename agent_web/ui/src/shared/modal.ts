/** A dialog that lies over the page from when it is shown; afterwards the focus is where it was. */
import type { RefObject } from 'preact'
import { useEffect, useRef } from 'preact/hooks'

export function useModal(): RefObject<HTMLDialogElement | null> {
  const dialog = useRef<HTMLDialogElement>(null)
  useEffect(() => {
    const before = document.activeElement
    dialog.current?.showModal()
    return () => {
      // The dialog is taken out of the page, not closed: the browser gives nothing back by itself.
      if (before instanceof HTMLElement) requestAnimationFrame(() => before.focus())
    }
  }, [])
  return dialog
}
