"""The audio engine: one 20 ms clock, a gain matrix, RTP on one side and WAV files on the other."""
