import { useSignal } from '@preact/signals'
import { t } from '../i18n'
import { logIn } from '../shared/api'
import { explain } from '../shared/errors'

export function LoginPage() {
  const busy = useSignal(false)
  const problem = useSignal('')
  const submit = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault()
    const form = new FormData(event.currentTarget as HTMLFormElement)
    busy.value = true
    problem.value = ''
    try {
      await logIn({ user: String(form.get('user')).trim(), password: String(form.get('password')) })
    } catch (failure) {
      problem.value = explain(failure)
    } finally {
      busy.value = false
    }
  }
  return (
    <main class="narrow">
      <form class="card login" onSubmit={(event) => void submit(event)}>
        <h1>{t('log_in')}</h1>
        <label>
          {t('user')}
          <input name="user" autocomplete="username" autocapitalize="none" spellcheck={false} required maxLength={64} autofocus data-testid="login-user" />
        </label>
        <label>
          {t('password')}
          <input name="password" type="password" autocomplete="current-password" required maxLength={256} data-testid="login-password" />
        </label>
        {problem.value && (
          <p class="problem" role="alert" data-testid="login-problem">
            {problem.value}
          </p>
        )}
        <button type="submit" class="primary" disabled={busy.value} data-testid="login-submit">
          {busy.value ? t('logging_in') : t('log_in')}
        </button>
      </form>
      <p class="below">
        <a href="/call">{t('test_call')}</a>
      </p>
    </main>
  )
}
