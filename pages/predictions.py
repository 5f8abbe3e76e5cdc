"""What does the model predict?"""

from lmviz.ui.router import ensure_routed

ensure_routed(__file__)

from lmviz.ui import frame  # noqa: E402  (the guard above comes first)

frame.get_ready()

from lmviz.ui import predictions_page  # noqa: E402

predictions_page.page()
