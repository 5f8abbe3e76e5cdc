"""The visitor's watch: it must catch what it is there to catch, and nothing else."""

from collections.abc import Callable

from tests.browser.conftest import Visit


def test_requests_to_other_computers_are_refused_and_noted(page_at: Callable[..., Visit]) -> None:
    visit = page_at("/")
    assert visit.problems == []
    outcome = visit.page.evaluate("fetch('https://example.org/d3.js').then(() => 'came', () => 'refused')")
    assert outcome == "refused"
    assert "request to https://example.org/d3.js" in visit.problems
    visit.problems.clear()


def test_errors_in_the_page_are_noted(page_at: Callable[..., Visit]) -> None:
    visit = page_at("/")
    visit.page.evaluate("console.error('planted'); setTimeout(() => { throw new Error('thrown') })")
    visit.page.wait_for_timeout(100)
    assert [problem.split(" (")[0] for problem in visit.problems] == [
        "console: planted",
        "uncaught in the page: thrown",
    ]
    visit.problems.clear()


def test_two_visitors_share_nothing(page_at: Callable[..., Visit]) -> None:
    first, second = page_at("/"), page_at("/")
    first.page.evaluate("localStorage.setItem('who', 'first')")
    assert second.page.evaluate("localStorage.getItem('who')") is None
