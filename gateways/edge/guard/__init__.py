"""The guard at the door of the edge: who is heard, who is not for a while, and what was seen of whom.

It is asked before a message is parsed, because not answering is the only answer that costs an attacker more than us, and it is
told what the layers behind it found. It decides with hosts, never with ports: those cost nothing to change.

Everything here takes the time as an argument and does no I/O.
"""
