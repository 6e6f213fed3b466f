"""The thin layer on trio: the agenda of all deadlines, an actor a queue, the board, their supervisor, and the dispatcher
between them and the domain.
"""
