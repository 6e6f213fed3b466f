"""Browser audio: one WebRTC leg a log-in, carried to the audio engine as plain RTP."""
