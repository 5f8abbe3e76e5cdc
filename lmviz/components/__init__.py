"""Streamlit components: a Python face each, and plain JavaScript beside it."""
