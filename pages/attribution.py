"""Which words does the answer rest on, and can that be relied on?"""

from lmviz.ui.router import ensure_routed

ensure_routed(__file__)

from lmviz.ui import frame  # noqa: E402  (the guard above comes first)

frame.get_ready()

from lmviz.ui import attribution_page  # noqa: E402

attribution_page.page()
