// Made by scripts/wire_types.py from agent_web/wire; not to be edited.

/** The body of every answer of 400 and above. `error` is a key of the page's texts, `text` is for people who read the API. */
export type Problem = {
  readonly error: string
  readonly text: string
  readonly errors: readonly (FieldError)[]
}

/** One bad field of a form; `reason` is a key of the page's texts (required, too_long, unknown, not_a_phone_number …). */
export type FieldError = {
  readonly field: string
  readonly reason: string
}

/** 409: somebody was faster (version_conflict), or the call has its order already (call_has_order); `order` is what is there. */
export type OrderConflict = {
  readonly error: string
  readonly text: string
  readonly errors: readonly (FieldError)[]
  readonly order: Order
}

/** A work order whole: the row, its description and its history, oldest first. */
export type Order = {
  readonly id: number
  readonly tracking_number: string
  readonly call: string
  readonly category: string
  readonly caller_phone: string
  readonly citizen_name: string
  readonly address: string
  readonly district: string
  readonly priority: "high" | "low" | "normal" | "urgent"
  readonly status: "assigned" | "cancelled" | "done" | "in_progress" | "new" | "waiting"
  readonly created_by: string
  readonly created_at_ms: number
  readonly updated_at_ms: number
  readonly deadline_ms: number
  readonly version: number
  readonly description: string
  readonly history: readonly (OrderChange)[]
}

/** One entry of an order's history: `field` changed (created, status, description), by whom, when. */
export type OrderChange = {
  readonly at_ms: number
  readonly by: string
  readonly field: string
  readonly before: string
  readonly after: string
  readonly version: number
}

/** POST /api/login. */
export type LoginRequest = {
  readonly user: string
  readonly password: string
}

/** Who is logged in. `csrf` goes into the header X-CSRF-Token of every POST, PATCH, PUT and DELETE. */
export type Me = {
  readonly user: string
  readonly name: string
  readonly roles: readonly ("admin" | "operator" | "supervisor")[]
  readonly agent: string | null
  readonly csrf: string
  readonly expires_at_ms: number
  readonly now_ms: number
}

/** GET /healthz. */
export type Health = {
  readonly core: "away" | "up"
  readonly database: "away" | "up"
}

/** GET /api/catalogue: what forms offer. `next_statuses` says what each status may become. */
export type Catalogue = {
  readonly categories: readonly (Category)[]
  readonly priorities: readonly ("high" | "low" | "normal" | "urgent")[]
  readonly statuses: readonly ("assigned" | "cancelled" | "done" | "in_progress" | "new" | "waiting")[]
  readonly next_statuses: { readonly [key in string]: readonly ("assigned" | "cancelled" | "done" | "in_progress" | "new" | "waiting")[] }
}

/** A kind of work order; `names` by language, `deadline_h` hours until it is late (none: 0). */
export type Category = {
  readonly id: string
  readonly names: { readonly [key in string]: string }
  readonly kind: string
  readonly deadline_h: number
}

/** POST /api/orders. `key` is made by the page once per form: the same key again gives the same order, not a second. */
export type NewOrder = {
  readonly key: string
  readonly category: string
  readonly description: string
  readonly call?: string
  readonly caller_phone?: string
  readonly citizen_name?: string
  readonly address?: string
  readonly district?: string
  readonly priority?: string
}

/** GET /api/orders: newest first; `next` is the `before` of the next page, null on the last. */
export type OrderPage = {
  readonly orders: readonly (OrderRow)[]
  readonly next: number | null
}

/** A work order as the register lists it. `call` is empty for an order without a call, `deadline_ms` 0 without one. */
export type OrderRow = {
  readonly id: number
  readonly tracking_number: string
  readonly call: string
  readonly category: string
  readonly caller_phone: string
  readonly citizen_name: string
  readonly address: string
  readonly district: string
  readonly priority: "high" | "low" | "normal" | "urgent"
  readonly status: "assigned" | "cancelled" | "done" | "in_progress" | "new" | "waiting"
  readonly created_by: string
  readonly created_at_ms: number
  readonly updated_at_ms: number
  readonly deadline_ms: number
  readonly version: number
}

/** PATCH /api/orders/{id}: `version` is the one the page has seen; another one is answered by 409 with the present order. */
export type OrderPatch = {
  readonly version: number
  readonly status?: string | null
  readonly description?: string | null
}

/** GET /api/calls: newest first. */
export type PastCalls = {
  readonly calls: readonly (PastCall)[]
}

/** A call as the store tells it; times are 0 when it did not come to that, `order` is its tracking number or empty. `via` is sip, web, or dialled: then an operator dialled `caller`. */
export type PastCall = {
  readonly call: string
  readonly caller: string
  readonly dialled: string
  readonly via: string
  readonly queue: string
  readonly agent: string
  readonly arrived_ms: number
  readonly answered_ms: number
  readonly ended_ms: number
  readonly outcome: string
  readonly cause: string
  readonly order: string
}

/** GET /api/calls/{call}/explanation: why the call went where it went, and for one that waits (`now`), what keeps it. */
export type Explanation = {
  readonly call: string
  readonly live: boolean
  readonly timezone: string
  readonly lines: readonly (ExplanationLine)[]
  readonly now: readonly (string)[]
}

/** One sentence of a story; `at_ms` is 0 and `clock` empty for a remark that belongs to no moment. `clock` is the centre's. */
export type ExplanationLine = {
  readonly at_ms: number
  readonly clock: string
  readonly text: string
}

/** PUT /api/mode: the centre works as ever, is closed, or is in an emergency; flows go by it. */
export type NewMode = {
  readonly mode: "closed" | "emergency" | "normal"
}

/** POST /api/callbacks/settle: whoever asked for it in this call was called back, or need not be. */
export type SettleCallback = {
  readonly callback: string
}

/** POST /api/telephony/lift: this source, as the page was told it, is to be heard again by every edge. */
export type LiftBan = {
  readonly source: string
}

/** First message of a desk page. `tab` is kept in sessionStorage. `page` is made at random when the page loads and lives in its memory only, so a duplicated tab (same `tab`) is another page and takes over, while the same page that reconnects is the same session. */
export type Hello = {
  readonly type: "hello"
  readonly tab: string
  readonly page: string
  readonly lang?: "en" | "pl" | "tr" | "zh"
}

/** I take calls. */
export type Ready = {
  readonly type: "ready"
  readonly request?: string
}

/** I take no calls. */
export type NotReady = {
  readonly type: "not_ready"
  readonly request?: string
  readonly reason?: string
}

/** I take this call. */
export type Accept = {
  readonly type: "accept"
  readonly call: string
  readonly offer: number
  readonly request?: string
}

/** I do not take this call. */
export type Reject = {
  readonly type: "reject"
  readonly call: string
  readonly offer: number
  readonly request?: string
}

/** I end this conversation. */
export type HangUp = {
  readonly type: "hang_up"
  readonly call: string
  readonly request?: string
}

/** My work after the call is done. */
export type WrapUpDone = {
  readonly type: "wrap_up_done"
  readonly request?: string
}

/** I need more time after the call. */
export type MoreTime = {
  readonly type: "more_time"
  readonly request?: string
}

/** My registered SIP phone is my audio (`use` false: no longer). */
export type Phone = {
  readonly type: "phone"
  readonly use?: boolean
  readonly request?: string
}

/** I call this number, as typed. What comes of it is in the views; that nobody was reached, in a late `refused`. */
export type Dial = {
  readonly type: "dial"
  readonly number: string
  readonly request?: string
}

/** I press these keys for the other side of this conversation. */
export type Keys = {
  readonly type: "keys"
  readonly call: string
  readonly keys: string
  readonly request?: string
}

/** The page's SDP offer, whole, after its candidates were gathered. */
export type AudioOffer = {
  readonly type: "audio_offer"
  readonly sdp: string
}

/** The page lets go of its audio. */
export type AudioClose = {
  readonly type: "audio_close"
}

/** The page lives. */
export type Pong = {
  readonly type: "pong"
  readonly n: number
}

/** Answer to `hello`. `session` is this page as the core knows it; `dials`: there are rules by which numbers may be dialled. */
export type Welcome = {
  readonly type: "welcome"
  readonly session: string
  readonly agent: string
  readonly now_ms: number
  readonly not_ready_reasons: readonly (NotReadyReason)[]
  readonly dials: boolean
}

/** Why an operator may be not ready; `planned_ms` is how long it should last, 0 when the plan does not say. */
export type NotReadyReason = {
  readonly reason: string
  readonly paid: boolean
  readonly planned_ms: number
}

/** Whether the core can be reached. While it is away conversations go on and nothing else moves. */
export type Core = {
  readonly type: "core"
  readonly state: "away" | "up"
}

/** The whole of what the desk shows; replaces the one before. One with a smaller `revision` came late: ignore it. `deadline_ms` is the end of the offer, the wrap-up, the pause of one who is ready (`paused`: nothing is offered until then), or of what is planned for being not ready (`overdue` afterwards). `can_extend` says that `more_time` would be granted. After `logged_out` with its `reason` the socket is closed with code 4004. */
export type View = {
  readonly type: "view"
  readonly revision: number
  readonly now_ms: number
  readonly state: "logged_out" | "not_ready" | "ready" | "ringing" | "talking" | "wrap_up"
  readonly since_ms: number
  readonly reason: string
  readonly next_reason: string
  readonly deadline_ms: number
  readonly paused: boolean
  readonly overdue: boolean
  readonly can_extend: boolean
  readonly audio: "browser" | "none" | "phone"
  readonly phone: string
  readonly phone_registered: boolean
  readonly offer: Offer | null
  readonly call: DeskCall | null
}

/** The pop-up: who calls which service, until when the offer stands. `repeat` is how often the caller called before lately, `kept` says that they are kept for this operator, `shared` for how many others it rings too. */
export type Offer = {
  readonly offer: number
  readonly call: string
  readonly caller: string
  readonly caller_name: string
  readonly dialled: string
  readonly service: string
  readonly queue: string
  readonly queue_name: string
  readonly waited_since_ms: number
  readonly deadline_ms: number
  readonly vip: boolean
  readonly hazard: boolean
  readonly repeat: number
  readonly kept: boolean
  readonly shared: number
}

/** The call an operator has, or had when in wrap-up (`ended_ms` not 0). Not `on_air`: the caller hears music meanwhile. `outbound`: the operator dialled `caller`; until there is an answer `dialling` says how far it is: dialled, rings, or heard already (announcements before the answer). */
export type DeskCall = {
  readonly call: string
  readonly caller: string
  readonly caller_name: string
  readonly dialled: string
  readonly service: string
  readonly queue: string
  readonly queue_name: string
  readonly arrived_ms: number
  readonly answered_ms: number
  readonly ended_ms: number
  readonly on_air: boolean
  readonly vip: boolean
  readonly hazard: boolean
  readonly repeat: number
  readonly outbound: boolean
  readonly dialling: "" | "dialled" | "heard" | "rings"
}

/** The reasons to be not ready that the plan knows, when they became known or changed. */
export type Reasons = {
  readonly type: "reasons"
  readonly not_ready_reasons: readonly (NotReadyReason)[]
}

/** Another page of this operator took over; the socket is closed with code 4001 and the page does not come back by itself. */
export type Replaced = {
  readonly type: "replaced"
}

/** The core refused what the page asked for; `reason` is a key of the page's texts (no_audio, offer_gone, wrap_up_max …). */
export type Refused = {
  readonly type: "refused"
  readonly request: string
  readonly reason: string
}

/** The answer to the page's offer; with `error` (a key of the page's texts) there is none. `call` only for the test call. */
export type AudioAnswer = {
  readonly type: "audio_answer"
  readonly sdp: string
  readonly call: string
  readonly error: string
}

/** The page's audio ended on the other side. */
export type AudioEnded = {
  readonly type: "audio_ended"
  readonly cause: string
}

/** A message of the page was not understood or can't be obeyed now; the socket stays. */
export type Error = {
  readonly type: "error"
  readonly error: string
  readonly text: string
  readonly request: string
}

/** The server asks whether the page lives; it answers `pong` with the same `n`. A page that hears nothing for 10 s reconnects. */
export type Ping = {
  readonly type: "ping"
  readonly n: number
}

/** A citizen's test call: the number they dial, their own number if they give one (unverified), the page's SDP offer. */
export type CallOffer = {
  readonly type: "call_offer"
  readonly dialled: string
  readonly sdp: string
  readonly caller?: string
}

/** A key of the dial pad. */
export type CallKey = {
  readonly type: "key"
  readonly key: "#" | "*" | "0" | "1" | "2" | "3" | "4" | "5" | "6" | "7" | "8" | "9"
}

/** The citizen hangs up. */
export type CallHangUp = {
  readonly type: "hang_up"
}

/** The live picture, whole; `calls` shows the first 200 by arrival of `calls_live`, `callbacks` the first 100 that were asked for of `callbacks_open`. */
export type Board = {
  readonly type: "board"
  readonly at_ms: number
  readonly now_ms: number
  readonly queues: readonly (BoardQueue)[]
  readonly agents: readonly (BoardAgent)[]
  readonly calls: readonly (BoardCall)[]
  readonly callbacks: readonly (BoardCallback)[]
  readonly calls_live: number
  readonly callbacks_open: number
  readonly mode: "closed" | "emergency" | "normal"
  readonly store_behind: number
  readonly edges: readonly (string)[]
}

/** One queue; `longest_since_ms` is 0 when nobody waits. Counts are of the plan's day, `abandoned` has the short ones too. `service_level` (0 to 1) leaves short abandons out; it and the means are null of nothing (docs/statistics.md). Who waits here has the priority of the queue, that of the call, and `aging_per_min` for each minute since they arrived, up to `aging_max`. `longest_wait_ms` is that of the day, of those who no longer wait. */
export type BoardQueue = {
  readonly queue: string
  readonly name: string
  readonly strategy: "fewest_calls" | "least_occupied" | "longest_idle" | "proficiency" | "random" | "ring_all" | "round_robin" | "top_down"
  readonly priority: number
  readonly aging_per_min: number
  readonly aging_max: number
  readonly waiting: number
  readonly longest_since_ms: number
  readonly talking: number
  readonly agents: number
  readonly ready: number
  readonly entered: number
  readonly answered: number
  readonly abandoned: number
  readonly short_abandoned: number
  readonly service_level: number | null
  readonly service_level_ms: number
  readonly asa_ms: number | null
  readonly aht_ms: number | null
  readonly longest_wait_ms: number
}

/** One operator. `calls` and `occupancy` (0 to 1) count since the log-in; `dialled` those of the day that they dialled and that were answered; `overdue`: not ready for longer than planned; `paused`: ready, but offered nothing for a moment. */
export type BoardAgent = {
  readonly agent: string
  readonly name: string
  readonly team: string
  readonly state: "logged_out" | "not_ready" | "ready" | "ringing" | "talking" | "wrap_up"
  readonly reason: string
  readonly since_ms: number
  readonly audio: "browser" | "none" | "phone"
  readonly call: string
  readonly queues: readonly (string)[]
  readonly calls: number
  readonly dialled: number
  readonly occupancy: number | null
  readonly overdue: boolean
  readonly paused: boolean
}

/** One live call: `agent` speaks with the caller, it rings at those in `ringing`, and is kept for `only`. `repeat` counts earlier calls of this caller; `steps` are those of the queue that were taken. `outbound`: `agent` dialled the caller. */
export type BoardCall = {
  readonly call: string
  readonly caller: string
  readonly outbound: boolean
  readonly service: string
  readonly state: string
  readonly since_ms: number
  readonly arrived_ms: number
  readonly queue: string
  readonly agent: string
  readonly ringing: readonly (string)[]
  readonly vip: boolean
  readonly hazard: boolean
  readonly repeat: number
  readonly only: string
  readonly priority: number
  readonly steps: readonly (number)[]
}

/** Somebody who asked to be called back; `id` is that of their call. */
export type BoardCallback = {
  readonly id: string
  readonly caller: string
  readonly number: string
  readonly queue: string
  readonly asked_at_ms: number
  readonly arrived_ms: number
}

/** A work order is new or changed; the one with the larger `version` counts. */
export type OrderChanged = {
  readonly type: "order_changed"
  readonly order: OrderRow
}

/** Changes may have been missed (the database was away): load the register again. */
export type OrdersMissed = {
  readonly type: "orders_missed"
}

/** Show the SIP messages of this call (its id, or a SIP Call-ID) as they come; empty: no longer. */
export type WatchCall = {
  readonly type: "watch_call"
  readonly call: string
}

/** All edges that were heard within the last seconds. */
export type Edges = {
  readonly type: "edges"
  readonly now_ms: number
  readonly edges: readonly (EdgeState)[]
}

/** One edge; `step` is that of its admission, 0 takes everything. `sources` are the 100 that matter most. */
export type EdgeState = {
  readonly edge: string
  readonly at_ms: number
  readonly calls: number
  readonly step: number
  readonly counters: { readonly [key in string]: number }
  readonly trunks: readonly (EdgeTrunk)[]
  readonly sources: readonly (EdgeSource)[]
}

/** A trunk of an edge; `reason` says why it is down. */
export type EdgeTrunk = {
  readonly trunk: string
  readonly up: boolean
  readonly live: number
  readonly capacity: number
  readonly refused: number
  readonly reason: string
  readonly since_ms: number
}

/** A host that an edge has something against: how often, by kind; `banned_until_ms` is 0 while it is heard. */
export type EdgeSource = {
  readonly source: string
  readonly kinds: { readonly [key in string]: number }
  readonly banned_until_ms: number
  readonly last_ms: number
  readonly scanner: string
}

/** What is new of the watched call, its past first. */
export type TraceTold = {
  readonly type: "trace"
  readonly call: string
  readonly lines: readonly (TraceLine)[]
}

/** One SIP message of the watched call, `sent` by us; `lost` messages before it are not in the trace. */
export type TraceLine = {
  readonly at_ms: number
  readonly party: string
  readonly sent: boolean
  readonly peer: string
  readonly transport: string
  readonly text: string
  readonly lost: number
}

export type DeskToServer = Hello | Ready | NotReady | Accept | Reject | HangUp | WrapUpDone | MoreTime | Phone | Dial | Keys | AudioOffer | AudioClose | Pong

export type DeskToPage = Welcome | Core | View | Reasons | Replaced | Refused | AudioAnswer | AudioEnded | Error | Ping

export type CallToServer = CallOffer | CallKey | CallHangUp | Pong

export type CallToPage = Core | AudioAnswer | AudioEnded | Error | Ping

export type BoardToServer = Pong

export type BoardToPage = Board | Core | Error | Ping

export type OrdersToServer = Pong

export type OrdersToPage = OrderChanged | OrdersMissed | Error | Ping

export type TelephonyToServer = Pong | WatchCall

export type TelephonyToPage = Edges | TraceTold | Core | Error | Ping
