"""The doors to the outside: SIP, audio, browsers, speech."""
