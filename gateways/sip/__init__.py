"""A sans-IO SIP stack: bytes and a clock go in, messages, timers and events come out.

Nothing in this package opens a socket, reads a clock, sleeps, logs or draws a random number. The caller
passes `now_ms` (any clock that never runs backwards) with every call, and a function `token(n)` that
returns n unguessable letters and digits, from which branches, tags and nonces are made. So the whole stack
can be driven by a test with a fake clock, and by any event loop.

An address is `(host, port)`; IPv6 hosts are written without brackets. One `TransactionLayer` serves one
listening point (one transport, one advertised address).

The transaction layer
---------------------
::

    layer = TransactionLayer(token, sent_by=("192.0.2.10", 5060))     # what our Via says; transport="UDP"

    layer.receive(data, source, now_ms)               # one datagram
    layer.poll_timers(now_ms)                         # call at or after layer.next_deadline_ms()
    layer.next_deadline_ms() -> int | None
    layer.take_output() -> list[Output]               # after each of the calls above and below; in order

    layer.send_request(request, destination, now_ms) -> ClientKey     # adds the top Via; not for ACK
    layer.send_ack(key, ack, destination, now_ms)     # ACK for a 2xx; repeated for every repeated 2xx
    layer.cancel(key, now_ms) -> bool                 # CANCEL now, or as soon as a 1xx allows it
    layer.send_response(key, response, now_ms) -> bool    # False: too late, the transaction is answered or
    gone layer.send_failed(send, now_ms)                   # the transport could not send this `Send`
    layer.statistics() -> Statistics                  # a frozen copy of the counters

    Output = one of
      Send(data, destination, key)                    # put these bytes on the wire
      RequestReceived(key, request, source)           # a new request; answer it with send_response
      CancelReceived(key, request)                    # for the INVITE `key`; its CANCEL is already
      answered: send 487 AckReceived(key, request, source)               # the 2xx of INVITE `key` is
      acknowledged (may carry SDP) AckTimedOut(key)                                # ... never was, for 32
      s: send BYE ResponseReceived(key, response, source)         # each 1xx, the final one; a second 2xx
      only if it forked TransactionTimedOut(key)                        # no final response: treat it as
      408. For a server key:
                                                      # you did not answer in time, 504 was sent for you
      TransportProblem(key)                           # could not be sent: treat it as 503

What the layer does by itself: retransmits and absorbs retransmissions; sends 100 to an INVITE; acknowledges
non-2xx; matches CANCEL (200, or 481) and ACK; repeats a 2xx until its ACK; adds `received` and `rport`;
answers 400, 405, 416, 420, 482, 483, 503 and 505 where the RFC or a full table says so; drops and counts
what cannot be answered. A message it hands out has been checked: none of the accessors of `Request` and
`Response` below raises on it.

Messages
--------
::

    parse_message(data) -> Request | Response         # raises SipParseError(reason, where, status)
    Request(method, uri, headers=[(name, value), ...], body=b"")
    Response(status, reason, headers, body)
      .headers                                        # ordered list of (canonical name, value)
      .get(name) -> str | None   .get_all(name)   .add(name, value)   .set(name, value)   .remove(name)
      .to_bytes()                                     # Content-Length is always computed
      .call_id  .cseq (CSeq: number, method)  .from_  .to (NameAddr)  .via  .vias (Via)
      .contacts (list[NameAddr])  .record_route  .route  .content_type  .expires_s  .max_forwards ...
    Request.request_uri -> Uri
    NameAddr(uri, display_name="", params={})  .tag   Uri(scheme, user, host, port, params, ...)  str(x)
    serialises

    make_request(method, uri, from_=, to=, call_id=, cseq=, contact=, headers=, body=, content_type=) ->
    Request respond(request, status, reason=None, *, to_tag=None, contact=None, headers=(), body=b"",
    content_type=None)
        -> Response     # copies Via, From, To (+ tag), Call-ID, CSeq, Record-Route; adds Server, Allow,
        Supported

Dialogs
-------
::

    Dialog.as_caller(request, response) -> Dialog     # INVITE we sent and its 1xx or 2xx with a To tag
    Dialog.as_callee(request, local_tag) -> Dialog    # INVITE we received
      .id (DialogId: call_id, local_tag, remote_tag)  .confirmed  .remote_target  .local  .remote
      .request(method, *, contact=None, headers=(), body=b"", content_type=None) -> Request
      .ack(*, cseq_number=None, body=b"", content_type=None) -> Request       # for a 2xx
      .next_hop() -> Uri                              # where to send it: first route, else remote target
      .receive_request(request) -> Rejection | None   # CSeq order, glare: answer rejection.status, .headers
      .response_sent(request, response)   .response_received(response)   # target refresh, glare bookkeeping
    dialog_id_of(request) -> DialogId | None          # of a request received; None out of dialog

Authentication
--------------
::

    DigestSecret.from_password(username, realm, password)         # HA1 for each algorithm; the password is
    not kept Challenger(realm, key, token)                                 # key: bytes that sign the nonces
      .challenge(now_ms, stale=False) -> list[(name, value)]      # WWW-Authenticate headers for a 401
      .verify(request, lookup, now_ms) -> Granted(username) | Refused(reason, stale)    # lookup(username) -> DigestSecret | None
    DigestClient(username, password, token).answer(request, response) -> Request | None   # to be sent anew;
    None: give up

SDP (offer and answer)
----------------------
::

    parse_sdp(data) -> SessionDescription             # raises SdpError(reason, line); .to_bytes()
    LocalMedia(address, port, session_id, version=1, codecs=("PCMA", "PCMU"), direction="sendrecv")
    make_offer(local) -> SessionDescription
    answer_offer(offer, local) -> (SessionDescription, MediaAgreement)    # raises NoCommonCodec: 488
    accept_answer(offer, answer) -> MediaAgreement    # ours, theirs; raises NoCommonCodec
    MediaAgreement: codec, payload_type, dtmf_payload_type, ptime_ms, remote_address, remote_port, direction
    (ours)

Registrar
---------
::

    Registrar(limits)                                 # bindings in memory; authenticate before calling it
      .process(request, aor, source, now_ms) -> (Response, list[BindingAdded | BindingRefreshed | BindingRemoved])
      .bindings(aor, now_ms) -> tuple[Binding, ...]   # best first
      .sweep(now_ms) -> list[BindingRemoved]   .next_deadline_ms() -> int | None
    address_of_record(uri) -> str                     # the canonical user@host under which bindings are kept
"""
