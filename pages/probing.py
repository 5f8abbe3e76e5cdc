"""What does each layer know, and how sure is that?"""

from lmviz.ui.router import ensure_routed

ensure_routed(__file__)

from lmviz.ui import frame  # noqa: E402  (the guard above comes first)

frame.get_ready()

from lmviz.ui import probing_page  # noqa: E402

probing_page.page()
