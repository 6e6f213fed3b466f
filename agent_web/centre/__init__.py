"""The centre as a whole: the mode it is in, and who asked to be called back."""
