import { effect } from '@preact/signals'
import { render } from 'preact'
import { BoardPage } from './board/BoardPage'
import { CallPage } from './call/CallPage'
import { current } from './desk/current'
import { DeskEverywhere } from './desk/DeskEverywhere'
import { DeskPage } from './desk/DeskPage'
import { t } from './i18n'
import { LoginPage } from './login/LoginPage'
import { OrderPage } from './orders/OrderPage'
import { OrdersPage } from './orders/OrdersPage'
import { loadMe, me } from './shared/api'
import { Layout } from './shared/Layout'
import { Notice } from './shared/Notice'
import { Retry } from './shared/parts'
import { go, onLinkClick, path } from './shared/router'
import { signal } from '@preact/signals'
import { TelephonyPage } from './telephony/TelephonyPage'
import './styles.css'

const unreachable = signal(false)

function start(): void {
  unreachable.value = false
  loadMe().catch(() => {
    unreachable.value = true
  })
}

/** Where a log-in belongs first. */
function home(): string {
  if (me.value?.agent) return '/desk'
  return me.value?.roles.includes('operator') ? '/orders' : '/board'
}

// Where to go by who is logged in; /call is open to everybody.
effect(() => {
  if (me.value === undefined || path.value === '/call') return
  if (me.value === null) {
    if (path.value !== '/login') go('/login', true)
  } else if (path.value === '/login' || path.value === '/') go(home(), true)
})

function Page() {
  const where = path.value
  const user = me.value
  if (where === '/call') return <CallPage />
  if (unreachable.value) {
    return (
      <main>
        <h1 class="unseen">{t('product')}</h1>
        <Retry text={t('no_connection')} onRetry={start} />
      </main>
    )
  }
  if (user === undefined) return <p class="quiet">{t('loading')}</p>
  if (user === null) return <LoginPage />
  const watches = user.roles.includes('supervisor') || user.roles.includes('admin')
  if (where === '/desk') return current.value ? <DeskPage desk={current.value} /> : <Nothing title={t('no_role')} text={t('no_role_text')} />
  if (where === '/orders') return <OrdersPage />
  const order = /^\/orders\/(\d+)$/.exec(where)
  if (order) return <OrderPage id={Number(order[1])} key={order[1]} />
  if (where === '/telephony') return watches ? <TelephonyPage /> : <Nothing title={t('no_role')} text={t('no_role_text')} />
  if (where === '/board') return watches ? <BoardPage /> : <Nothing title={t('no_role')} text={t('no_role_text')} />
  return <Nothing title={t('not_found_page')} text={t('not_found_page_text')} />
}

/** No page here for whoever asks. */
function Nothing({ title, text }: { readonly title: string; readonly text: string }) {
  return (
    <Notice id="no-page" title={title} text={text}>
      <a href={home()}>{t('home')}</a>
    </Notice>
  )
}

function App() {
  return (
    <Layout>
      <Page />
      {current.value && <DeskEverywhere desk={current.value} />}
    </Layout>
  )
}

const root = document.getElementById('app')
if (root) {
  document.addEventListener('click', onLinkClick)
  start()
  render(<App />, root)
}
