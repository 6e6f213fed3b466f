"""Why a call went where it went: the reasons of each decision, kept for a while, told in sentences.

The domain says its reasons as it decides (`Decided`, `CallStory`). `keeper` holds those of the calls of the moment in memory, the
store has all of them. `waiting` looks at the state for why a call waits right now. `sentences` makes words of it in four
languages and needs nothing but data, so whoever has the data (command line, web) can do it.
"""
