"""What the pages are made of: the selection, the sidebar, the frame around a page, and what is remembered."""
