"""Taking a concept out of vectors, and asking whether it is still in there: arrays in, numbers out, no model."""
