/** What forms and lists offer: loaded once a page, asked for again until it is there. */
import { signal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import type { Catalogue, Category } from '../wire.gen'
import { language } from '../i18n'
import { loadCatalogue } from './api'

const AGAIN_MS = 3_000

const catalogue = signal<Catalogue | null>(null)

export function useCatalogue(): Catalogue | null {
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined
    const load = (): void => {
      loadCatalogue().then(
        (loaded) => (catalogue.value = loaded),
        () => (timer = setTimeout(load, AGAIN_MS)),
      )
    }
    if (catalogue.value === null) load()
    return () => clearTimeout(timer)
  }, [])
  return catalogue.value
}

export function nameOf(category: Category): string {
  return category.names[language.value] ?? category.names['tr'] ?? category.id
}

/** A category that left the catalogue is shown by its id. */
export function categoryName(known: Catalogue | null, id: string): string {
  const category = known?.categories.find((one) => one.id === id)
  return category ? nameOf(category) : id.replaceAll('_', ' ')
}
