export const en = {
  language: 'English',
  product: 'Santral',
  // navigation
  desk: 'Desk', orders: 'Work orders', board: 'Wallboard', test_call: 'Test call', log_out: 'Log out',
  theme_system: 'Colours: as the system', theme_light: 'Colours: light', theme_dark: 'Colours: dark',
  choose_language: 'Language', loading: 'Loading …', retry: 'Try again', not_found_page: 'There is no such page.',
  no_role: 'Your log-in may not see this page.', close: 'Close', save: 'Save', edit: 'Edit', cancel: 'Cancel', none: 'none',
  // log-in
  log_in: 'Log in', user: 'User', password: 'Password', logging_in: 'Logging in …',
  // states
  state_logged_out: 'Logged out', state_not_ready: 'Not ready', state_ready: 'Ready', state_ringing: 'Ringing',
  state_talking: 'In conversation', state_wrap_up: 'Wrap-up',
  // reasons for not ready
  reason_logged_in: 'just logged in', reason_no_audio: 'no audio', reason_no_answer: 'a call was not answered',
  reason_rejected: 'a call was rejected', reason_phone_unreachable: 'phone can’t be reached', reason_page_lost: 'page was away',
  reason_break: 'break', reason_lunch: 'lunch', reason_training: 'training', reason_back_office: 'back office', reason_removed: 'removed from the roster',
  reason_vanished: 'page and phone were away', reason_login_over: 'the log-in is over', reason_not_ready_too_long: 'not ready for too long',
  // desk
  go_ready: 'Ready', go_not_ready: 'Not ready', finish_wrap_up: 'Finish wrap-up', not_ready_why: 'Reason',
  next_not_ready: 'Not ready after this call: {reason}', need_audio: 'Connect your audio first: without it no call can reach you.',
  idle_hint: 'No call at the moment.', waiting_for_call: 'You are ready. The next call will ring here.',
  pause_left: 'Next call in {time}', break_left: 'Planned time left: {time}', break_over: '{time} longer than planned', break_overdue: 'Longer than planned',
  more_time: 'More time', minutes: '{count} min', paid: 'paid', unpaid: 'unpaid',
  audio: 'Audio', audio_connect: 'Connect audio', audio_disconnect: 'Disconnect', audio_off: 'not connected',
  audio_connecting: 'connecting …', audio_connected: 'connected', audio_lost: 'lost, connecting again …', microphone: 'Microphone',
  remote: 'Other side', mute: 'Mute', unmute: 'Unmute', muted: 'You are muted',
  use_phone: 'Use my phone {phone}', stop_phone: 'Stop using my phone', phone_registered: 'Phone {phone} is registered',
  phone_absent: 'Phone {phone} is not registered', default_device: 'Standard device',
  offer_title: 'Incoming call', accept: 'Accept', reject: 'Reject', answer_on_phone_hint: 'Answer on your phone.', waited: 'waited {time}', seconds_left: '{time} left',
  call_title: 'Conversation', call_over: 'Call ended', service: 'Service', queue: 'Queue', caller: 'Caller', anonymous: 'Number withheld',
  marks: 'What is special about this call', mark_hazard: 'Hazard', mark_vip: 'VIP', mark_kept: 'Kept for you',
  mark_repeat: 'Called {count}× before', mark_shared: 'Rings for {count} more',
  hang_up: 'Hang up', on_air_no: 'The caller hears music until your audio is back.', wrap_up_left: 'Wrap-up ends in {time}',
  replaced_title: 'This desk was opened elsewhere', replaced_text: 'Another page took over your log-in. Calls ring there now.',
  take_back: 'Continue here', shortcuts: 'Keys', shortcut_accept: 'accept', shortcut_reject: 'reject', shortcut_hang_up: 'hang up',
  let_go_title: 'You were logged out', let_go_text: 'Calls no longer ring here. What you have written is kept.', come_back: 'Start again',
  shortcut_ready: 'ready / not ready', shortcut_mute: 'mute',
  shortcut_more_time: 'more time after a call',
  // banners
  line_down: 'No connection to the server. Trying again; a conversation in progress goes on.',
  core_away: 'Call control is restarting. Conversations go on; buttons work again in a moment.',
  // work orders
  order_new: 'Work order', order_for_call: 'for the call from {caller}', order_category: 'Category', order_description: 'What happened',
  order_phone: 'Phone', order_name: 'Name', order_address: 'Address', order_district: 'District', order_priority: 'Priority',
  order_save: 'Save work order', order_saving: 'Saving …', order_saved: 'Saved. Tracking number', order_discard: 'Discard',
  order_discard_sure: 'Discard the text of this form?', order_unsaved: 'Unsaved forms', order_choose: 'choose …',
  priority_low: 'low', priority_normal: 'normal', priority_high: 'high', priority_urgent: 'urgent',
  status_new: 'new', status_assigned: 'assigned', status_in_progress: 'in progress', status_waiting: 'waiting', status_done: 'done', status_cancelled: 'cancelled',
  orders_none: 'No work orders match.', orders_more: 'Show more', orders_limit: 'The first {count} are shown; narrow the search to see others.', orders_filter: 'Search', all_statuses: 'All statuses', all_categories: 'All categories',
  tracking: 'Number', created: 'Created', deadline: 'Due', late: 'late', history: 'History', history_created: 'created', history_status: 'status', history_description: 'description',
  change_status: 'Change status', order_changed_elsewhere: 'Somebody else changed this order; this is how it is now.', call_id: 'Call', live: 'live',
  // board
  waiting: 'Waiting', longest: 'Longest wait', ready_count: 'Ready', talking_count: 'Talking', answered: 'Answered', abandoned: 'Abandoned', operators: 'Operators',
  queues: 'Queues', calls_live: 'Calls', call_waiting: 'waiting', call_ringing: 'ringing', call_talking: 'talking', call_held: 'held', call_playing: 'announcement', call_menu: 'menu',
  since_state: 'In this state', since_arrival: 'In all', operator: 'Operator', edges: 'SIP', database: 'Database', store_behind: '{count} events behind', up_to_date: 'up to date',
  no_calls: 'No calls.', calls_more: '{count} more calls are not shown.', state: 'State', audio_kind_none: 'no audio', audio_kind_browser: 'audio in the browser', audio_kind_phone: 'phone',
  core_away_board: 'Call control is restarting. This is the last picture; conversations go on.', no_picture: 'Waiting for the first picture …',
  // test call
  call_page_title: 'Call the hotline', call_page_text: 'Talk to the hotline from this page, with your microphone.', number: 'Number', own_number: 'Your number (optional)',
  call_now: 'Call', call_idle: 'Ready to call', call_connecting: 'Connecting …', call_connected: 'Connected', call_ended: 'Call ended', keypad: 'Keypad',
  // problems
  insecure_page: 'The browser gives no microphone to an insecure page. Open it over HTTPS or on localhost.',
  no_microphone: 'No microphone found. Plug one in and try again.', microphone_denied: 'The browser may not use the microphone. Allow it beside the address, then try again.',
  microphone_busy: 'Another program holds the microphone. Close it and try again.', audio_failed: 'Audio could not be connected. Try again.',
  no_connection: 'The server can’t be reached. Check your network and try again.', server_error: 'The server failed. Try again in a moment.',
  wrong_password: 'User or password is wrong.', too_many_attempts: 'Too many attempts. Try again in {time}.', not_logged_in: 'Please log in again.', not_allowed: 'Your log-in may not do this.',
  csrf: 'The page is out of date. Reload it and try again.', foreign_origin: 'The page was opened from a foreign address.', not_found: 'Not found.', database_away: 'The database can’t be reached. Your text stays here; save again in a moment.',
  bad_fields: 'Please correct the marked fields.', bad_request: 'The server did not understand the page. Reload it.', version_conflict: 'Somebody else was faster.', call_has_order: 'This call has a work order already.',
  status_not_allowed: 'This change of status is not possible.', too_large: 'The text is too long.', key_reused: 'This form was saved already.',
  no_audio: 'Connect your audio first.', offer_gone: 'A colleague was faster, or the caller hung up.', not_in_call: 'You are not in this call.', answer_on_phone: 'Answer on your phone.', bad_reason: 'This reason is not in the plan.',
  wrap_up_max: 'There is no more time for this call.',
  not_your_session: 'Another page has taken over.', in_call: 'Finish the conversation first.', unknown_agent: 'You are not on the roster.', no_plan: 'No plan is loaded yet.', no_phone: 'No phone is set up for you.', phone_not_registered: 'Your phone is not registered.', core_away_short: 'Call control is restarting; try again in a moment.',
  in_conversation: 'Finish the conversation first, then log out.', too_fast: 'That was too fast; wait a moment and try again.', too_many: 'Too many connections at the moment; try again later.', full: 'The centre is full at the moment; try again later.',
  audio_unavailable: 'Audio is not available right now; try again in a moment.', bad_offer: 'The audio of this browser was not understood. Try another browser.', no_answer: 'There was no answer. Try again.', busy: 'All lines are busy. Call again later.',
  call_is_on: 'Hang up first.', no_call: 'There is no call.', bad_message: 'The server did not understand the page. Reload it.', hello_first: 'The page is out of date. Reload it.',
  no_edge: 'No SIP edge is connected; try again in a moment.', refused: 'That is not possible now.',
  // field reasons
  field_required: 'is needed', field_too_long: 'is too long', field_unknown: 'is not known', field_not_a_phone_number: 'is not a phone number', field_bad_characters: 'has characters that can’t be used', field_bad: 'is not valid',
} as const

export type Key = keyof typeof en
export type Texts = Record<Key, string>
