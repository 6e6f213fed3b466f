/** Instead of a page: what is the matter, and the way on. */
import type { ComponentChildren } from 'preact'

interface Props {
  readonly id: string
  readonly title: string
  readonly text: string
  /** The link or button that leads on. */
  readonly children: ComponentChildren
}

export function Notice({ id, title, text, children }: Props) {
  return (
    <main class="narrow">
      <div class="card notice" role="alert" data-testid={id}>
        <h1>{title}</h1>
        <p>{text}</p>
        {children}
      </div>
    </main>
  )
}
