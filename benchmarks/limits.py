"""Compare what was measured with its limit, print pass or fail, and turn any failure into the status 1."""


class Limits:
    """The limits of one run; `status` is 1 once a figure missed its own."""

    def __init__(self) -> None:
        self.status = 0

    def at_most(self, what: str, value: float, *, limit: float, unit: str) -> None:
        """Print whether a figure is small enough."""
        self._say(value <= limit, f"{what}: {value:.4g} {unit}, limit {limit:g} {unit}")

    def at_least(self, what: str, value: float, *, limit: float, unit: str) -> None:
        """Print whether a figure is large enough."""
        self._say(value >= limit, f"{what}: {value:.4g} {unit}, at least {limit:g} {unit}")

    def _say(self, is_met: bool, line: str) -> None:
        print(f"  {'pass' if is_met else 'FAIL'}  {line}", flush=True)
        self.status = self.status or int(not is_met)
