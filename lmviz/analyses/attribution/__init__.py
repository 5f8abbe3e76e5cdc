"""Which tokens does an answer rest on? One method, one file."""
