"""Which of two texts a model prefers, and what that says."""
