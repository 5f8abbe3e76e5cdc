"""Readers that turn files into records; a row that cannot be read is named by its line and never guessed."""
