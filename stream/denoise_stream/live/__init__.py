"""Live audio: a microphone is denoised and goes to a loudspeaker or a recorder."""
