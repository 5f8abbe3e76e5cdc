"""What is this, and where to start?"""

from lmviz.ui.router import ensure_routed

ensure_routed(__file__)

from lmviz.ui import home  # noqa: E402  (the guard above comes first)

home.page()
