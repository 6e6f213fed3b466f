"""Text to speech, in a process of its own, cached as files."""
