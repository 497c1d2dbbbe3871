"""An application with an agent in it, whose every step is held to the policy of whoever asks."""
