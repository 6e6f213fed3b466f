/**
 * The one desk of this window. It begins with the first visit to the desk and lives until log-out: a look at the register must
 * neither end a conversation nor hide the next call.
 */
import { effect, signal, untracked } from '@preact/signals'
import { me } from '../shared/api'
import { path } from '../shared/router'
import { Desk } from './desk'
import { audioWanted } from './tab'

export const current = signal<Desk | null>(null)

let owner: string | null = null

effect(() => {
  const user = me.value
  const agent = user?.agent ? user.user : null
  // A tab that had its audio connected has it again after a reload, whichever page it shows.
  const visited = path.value === '/desk' || audioWanted.get()
  if (user === undefined) return // not known yet
  untracked(() => {
    if (owner !== null && owner !== agent) {
      close()
      audioWanted.set(false) // the next log-in in this tab opens no microphone unasked
    }
    if (agent !== null && visited && owner === null) open(agent)
  })
})

function open(user: string): void {
  owner = user
  current.value = new Desk(user)
  current.value.start()
}

function close(): void {
  owner = null
  current.value?.stop()
  current.value = null
}
