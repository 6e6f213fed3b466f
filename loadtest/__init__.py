"""Load on a running system, from outside: what drives it speaks its protocols and shares none of its processes."""
