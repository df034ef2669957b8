//! Packets to steady frames (sans-IO): the audio jitter buffer and the video frame assembler.
