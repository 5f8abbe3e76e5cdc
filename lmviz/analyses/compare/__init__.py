"""Two models on one text, two texts in one model, or both: what differs, as numbers."""
