/** Browser storage that may be full, forbidden or damaged: then there simply is nothing. */

export function read(area: Storage | undefined, key: string): string | null {
  try {
    return area?.getItem(key) ?? null
  } catch {
    return null
  }
}

export function write(area: Storage | undefined, key: string, value: string | null): void {
  try {
    if (value === null) area?.removeItem(key)
    else area?.setItem(key, value)
  } catch {
    // A private window or a full store; the page works without.
  }
}
