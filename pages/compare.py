"""Where do two models, or two texts, differ?"""

from lmviz.ui.router import ensure_routed

ensure_routed(__file__)

from lmviz.ui import frame  # noqa: E402  (the guard above comes first)

frame.get_ready()

from lmviz.ui import compare_page  # noqa: E402

compare_page.page()
