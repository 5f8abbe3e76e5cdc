"""Pictures of results: pure functions from a result to what a browser draws; no method is known here."""
