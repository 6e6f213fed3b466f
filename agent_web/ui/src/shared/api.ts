/** HTTP towards the web process. Every failure is a `Failure` whose `error` is a key of the page's texts. */
import { signal } from '@preact/signals'
import type { Catalogue, Explanation, LoginRequest, Me, NewMode, NewOrder, Order, OrderPage, OrderPatch, Problem } from '../wire.gen'
import { learnTime } from './clock'

export class Failure extends Error {
  constructor(
    readonly error: string,
    readonly status: number,
    readonly problem: Problem | null,
    readonly retry_after_s: number,
  ) {
    super(error)
  }
}

/** Who is logged in: `undefined` not known yet, `null` nobody. */
export const me = signal<Me | null | undefined>(undefined)

const TIMEOUT_MS = 15_000

async function call<T>(method: string, path: string, body?: unknown): Promise<T> {
  const headers: Record<string, string> = { Accept: 'application/json' }
  if (body !== undefined) headers['Content-Type'] = 'application/json'
  if (method !== 'GET' && me.value) headers['X-CSRF-Token'] = me.value.csrf
  let answer: Response
  try {
    answer = await fetch(path, {
      method,
      headers,
      signal: AbortSignal.timeout(TIMEOUT_MS),
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
  } catch {
    throw new Failure('no_connection', 0, null, 0)
  }
  if (answer.status === 204) return undefined as T
  let content: unknown
  try {
    content = await answer.json()
  } catch {
    throw new Failure('server_error', answer.status, null, 0)
  }
  if (answer.ok) return content as T
  const problem = content as Problem
  if (answer.status === 401 && problem.error === 'not_logged_in') me.value = null
  throw new Failure(problem.error, answer.status, problem, Number(answer.headers.get('Retry-After') ?? 0))
}

export async function loadMe(): Promise<void> {
  try {
    me.value = await call<Me>('GET', '/api/me')
    learnTime(me.value.now_ms)
  } catch (failure) {
    if (failure instanceof Failure && failure.status === 401) me.value = null
    else throw failure
  }
}

export async function logIn(request: LoginRequest): Promise<void> {
  me.value = await call<Me>('POST', '/api/login', request)
  learnTime(me.value.now_ms)
}

export async function logOut(): Promise<void> {
  await call<void>('POST', '/api/logout')
  me.value = null
}

let catalogue: Promise<Catalogue> | null = null

/** The catalogue, asked for once; a failure is forgotten so that the next try asks again. */
export function loadCatalogue(): Promise<Catalogue> {
  catalogue ??= call<Catalogue>('GET', '/api/catalogue').catch((failure: unknown) => {
    catalogue = null
    throw failure
  })
  return catalogue
}

export const createOrder = (order: NewOrder): Promise<Order> => call('POST', '/api/orders', order)
export const loadOrder = (id: number): Promise<Order> => call('GET', `/api/orders/${id}`)
export const changeOrder = (id: number, patch: OrderPatch): Promise<Order> =>
  call('PATCH', `/api/orders/${id}`, patch)

export function loadOrders(filter: Record<string, string>): Promise<OrderPage> {
  const query = new URLSearchParams(Object.entries(filter).filter(([, value]) => value !== ''))
  return call('GET', `/api/orders?${query}`)
}

export const changeMode = (mode: NewMode['mode']): Promise<void> => call('PUT', '/api/mode', { mode })
export const settleCallback = (callback: string): Promise<void> => call('POST', '/api/callbacks/settle', { callback })
export const liftBan = (source: string): Promise<void> => call('POST', '/api/telephony/lift', { source })
export const loadExplanation = (id: string, language: string): Promise<Explanation> =>
  call('GET', `/api/calls/${encodeURIComponent(id)}/explanation?language=${language}`)
