/** The page's address as signals; links change it without loading the page again. */
import { batch, signal } from '@preact/signals'

export const path = signal(location.pathname)
export const search = signal(location.search)

function arrive(): void {
  batch(() => {
    path.value = location.pathname
    search.value = location.search
  })
}

export function go(to: string, replace = false): void {
  if (to === location.pathname + location.search) return
  if (replace) history.replaceState(null, '', to)
  else history.pushState(null, '', to)
  arrive()
  scrollTo(0, 0)
}

addEventListener('popstate', arrive)

/** A plain left click on a link of ours stays in the page; all other clicks are the browser's. */
export function onLinkClick(event: MouseEvent): void {
  const link = event.target instanceof Element ? event.target.closest('a') : null
  if (!link || link.origin !== location.origin || link.target || event.defaultPrevented) return
  if (event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return
  event.preventDefault()
  go(link.pathname + link.search)
}
