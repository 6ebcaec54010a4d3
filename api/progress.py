"""Progress bars for what takes longer than two seconds."""

from collections.abc import Iterable, Iterator
from typing import TypeVar

from rich.console import Console
from rich.progress import track

T = TypeVar("T")


def counted(items: Iterable[T], total: int | None, description: str) -> Iterator[T]:
    """Pass items on and show on standard error how many have gone by, of how many."""
    console = Console(stderr=True)
    yield from track(
        items,
        description,
        total=total,
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
