"""Where SIP comes in and goes out: one socket of datagrams or many connections, each behind the same few words.

A listener moves whole messages and knows nothing of what they say. It is given `Send`s, which it puts on the wire or gives back
as unsent, and tells its owner what came, from where, and which connection is gone.
"""
