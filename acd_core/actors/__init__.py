"""The thin layer on trio: one actor per call, queue and agent, their supervisor, and the dispatcher between them
and the domain.
"""
