"""What does a model prefer, how sure is that, where does it sit, and what if it is removed?"""

from lmviz.ui.router import ensure_routed

ensure_routed(__file__)

from lmviz.ui import frame  # noqa: E402  (the guard above comes first)

frame.get_ready()

from lmviz.ui import bias_page  # noqa: E402

bias_page.page()
