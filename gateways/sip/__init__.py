"""A sans-IO SIP stack: bytes and a clock go in, messages, timers and events come out.

Nothing in this package opens a socket, reads a clock, sleeps, logs or draws a random number. The caller
passes `now_ms` (any clock that never runs backwards) with every call, and a function `token(n)` that returns
n unguessable letters and digits, from which branches, tags and nonces are made. So the whole stack can be
driven by a test with a fake clock, and by any event loop.

An address is `(host, port)`; IPv6 hosts are written without brackets. One `TransactionLayer` serves one
listening point (one transport, one advertised address).

layer.py, receiver.py, transaction_table.py, events.py: the transaction layer
-----------------------------------------------------------------------------
::

    layer = TransactionLayer(token, sent_by=("192.0.2.10", 5060))   # what our Via says; transport="UDP"

    layer.receive(data, source, now_ms)             # one datagram
    layer.poll_timers(now_ms)                       # call at or after layer.next_deadline_ms()
    layer.next_deadline_ms() -> int | None
    layer.take_output() -> list[Output]             # after each of the calls above and below; in order

    layer.send_request(request, destination, now_ms) -> ClientKey   # adds its top Via; not for ACK
    layer.send_ack(key, ack, destination, now_ms)   # ACK for a 2xx; repeated for every repeated 2xx
    layer.cancel(key, now_ms, headers=()) -> bool   # CANCEL now, or as soon as a 1xx allows it
    layer.send_response(key, response, now_ms) -> bool  # False: too late, it is answered or gone
    layer.send_failed(send, now_ms)                 # the transport could not send this `Send`
    layer.statistics() -> Statistics                # a copy of the counters

    Output = one of
      Send(data, destination, key)                  # put these bytes on the wire
      RequestReceived(key, request, source)         # a new request; answer it with send_response
      CancelReceived(key, request)                  # for the INVITE `key`: send 487 (CANCEL is answered)
      AckReceived(key, request, source, proves)     # the 2xx of INVITE `key` arrived (may carry SDP)
      AckTimedOut(key)                              # ... was not acknowledged for 32 s: send BYE
      ResponseReceived(key, response, source, proves)  # each 1xx, the final one; another callee's 2xx
      TransactionTimedOut(key)                      # no final response: treat it as 408. Of a server
                                                    # key: you did not answer, 504 was sent for you
      InviteEnded(key)                              # of an INVITE: nothing more can come, key is gone
      TransportProblem(key)                         # could not be sent: treat it as 503
      Refused(source, status, reason)               # what the layer answered with an error, or dropped

What the layer does by itself: retransmits and absorbs retransmissions; sends 100 to an INVITE; acknowledges
non-2xx; matches CANCEL (200, or 481) and ACK; repeats a 2xx until its ACK; adds `received` and `rport`;
answers 400, 405, 406, 414, 416, 420, 482, 503 and 505 where the RFC or a full table says so; drops and counts
what cannot be answered. A message it hands out has been checked: none of the properties of `Request` and
`Response` raises on it (`get_list` may).

parser.py, message.py, headers.py, uri.py, build.py: messages
-------------------------------------------------------------
::

    parse_message(data) -> Request | Response       # raises SipParseError(reason, where, status)
    Request(method, uri, headers=[(name, value), ...], body=b"")
    Response(status, reason, headers, body)
      .headers                                      # ordered list of (canonical name, value)
      .get(name) -> str | None  .get_all(name)  .get_list(name)  .add(name, value)  .set  .remove(name)
      .to_bytes()                                   # Content-Length is always computed
      .call_id  .cseq (CSeq: number, method)  .from_  .to (NameAddr)  .via  .vias (Via)
      .contacts  .is_contact_star  .record_route  .route  .content_type  .expires_s  .max_forwards
    Request.request_uri -> Uri
    NameAddr(uri, display_name="", params={})  .tag       Uri.parse(text)  Uri.sip(user, host, port)

    make_request(method, uri, from_=, to=, call_id=, cseq=, contact=, headers=, body=, content_type=,
                 max_forwards=70)                   # of a leg made for another: hops_onward(its request)
    respond(request, status, reason=None, *, to_tag=None, contact=None, headers=(), body=b"",
            content_type=None) -> Response          # copies Via, From, To (+ tag), Call-ID, CSeq,
                                                    # Record-Route; adds Server, Allow, Supported

dialog.py: dialogs
------------------
::

    Dialog.as_caller(request, response)             # INVITE we sent and its 1xx or 2xx with a To tag
    Dialog.as_callee(request, local_tag)            # INVITE we received
      .id (DialogId)  .confirmed  .remote_target  .local  .remote  .invite_pending
      .request(method, *, contact=None, headers=(), body=b"", content_type=None) -> Request
      .ack(*, cseq_number=None, body=b"", content_type=None) -> Request       # for a 2xx
      .sent_again(request)                          # after DigestClient.answer
      .next_hop() -> Uri                            # where to send it: first route, else remote target
      .judge(request) -> Refusal | None             # CSeq order, glare: answer .status .reason .headers
      .accept(request)                              # of the peer, whom somebody else has recognised
      .response_sent(request, response)   .response_received(response)        # always tell it these
      .ack_received(request)  .ack_missing()        # of our 2xx to an INVITE
    dialog_id_of(request) -> DialogId | None        # of a request received; None outside of dialogs

auth.py: digest authentication
------------------------------
::

    DigestSecret.from_password(username, realm, password)     # H(A1) for each algorithm
    Challenger(realm, key, token)                             # key: bytes that sign the nonces
      .challenge(now_ms, stale=False) -> [(name, value)]      # WWW-Authenticate headers for a 401
      .verify(request, lookup, now_ms) -> Granted(username) | Refused(reason, stale, username)
    DigestClient(username, secret, token, realm=).answer(request, response) -> Request | None
                                                    # a DigestSecret of that realm, or a password

sdp.py: session descriptions, offer and answer
----------------------------------------------
::

    parse_sdp(data) -> SessionDescription           # raises SdpError(reason, line); .to_bytes()
    LocalMedia(address, port, session_id, version=1, codecs=("PCMA", "PCMU"), direction="sendrecv")
    make_offer(local) -> SessionDescription
    answer_offer(offer, local) -> (SessionDescription, MediaAgreement)   # NoCommonCodecError: 488
    accept_answer(offer, answer) -> MediaAgreement  # ours, theirs
    MediaAgreement: codec, payload_type, dtmf_payload_type, ptime_ms, remote_address, remote_port,
                    direction (ours), slot (which m= line)

negotiation.py, body.py, reliable.py, session_timer.py: what a dialog agrees on
-------------------------------------------------------------------------------
::

    Negotiation(local)                              # one for each dialog; .state .agreement
      .make_offer(direction=None) -> bytes          .take_answer(body) -> MediaAgreement
      .preview_answer(body)                         # of an unreliable 18x: the offer stays open
      .take_offer(body) -> Refusal | None           .make_answer() -> (bytes, MediaAgreement)
      .rolled_back()                                # what was offered came to nothing
      .forked() -> Negotiation                      # of another early dialog of the same INVITE
    session_part(message) -> bytes | Refusal        # the SDP in a body, plain or in parts; b"" for none
    reliable_for(invite, policy) -> bool | Refusal  # RFC 3262
    ReliableUas(first_rseq)  .number(response, now_ms)  .acknowledged(prack)  .poll(now_ms)  .stop()
    ReliableUac()  .prack_for(response) -> RAck     # one for each INVITE of ours, all its branches
    SessionTimer(expires_s, min_se_s)               # RFC 4028, either side
      .offer_headers()  .judge(request)  .answer_headers(request)  .refused(response)
      .agreed(response, ours=, now_ms=)  .due(now_ms) -> "refresh" | "end" | None

identity.py, reason.py, refer.py, redirect.py: what else is told
----------------------------------------------------------------
::

    read_identity(request, trusted=) -> Identity    # number, name, asserted, private, diversions
    from_address(...)  assert_identity(...)         # of our own
    read_reason(message) -> Reason | None           reason_header(reason)  reason_of_status(status)
    parse_refer(request) -> Refer                   replaces_of(invite)  notify_headers(...)  sipfrag(status)
    redirect_targets(response, tried, depth=) -> tuple[Uri, ...]

registrar.py, outbound.py: bindings
-----------------------------------
::

    Registrar(limits)                               # in memory; authenticate before calling it
      .process(request, aor, flow, now_ms) -> (Response, [BindingAdded | -Refreshed | -Removed])
      .bindings(aor, now_ms) -> tuple[Binding, ...] # best first
      .sweep(now_ms) -> [BindingRemoved]   .next_deadline_ms() -> int | None
      .flow_lost(flow) -> [BindingRemoved] .remove(binding) -> BindingRemoved # cannot be reached
"""
