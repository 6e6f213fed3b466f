"""The telephone side for supervisors and support: edges, trunks, the guard, and the SIP messages of a call as they come."""
