"""Where does each head look?"""

from lmviz.ui.router import ensure_routed

ensure_routed(__file__)

from lmviz.ui import frame  # noqa: E402  (the guard above comes first)

frame.get_ready()

from lmviz.ui import attention_page  # noqa: E402

attention_page.page()
