"""Everything that knows Hugging Face: where models come from, how they are loaded and made ready to be looked at."""
