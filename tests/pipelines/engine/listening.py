"""Where the processes of a test wait for connections."""

from collections.abc import Iterator

import psutil


def listening() -> Iterator[str]:
    """The addresses at which this process and its descendants wait for connections."""
    for process in [psutil.Process(), *psutil.Process().children(recursive=True)]:
        try:
            for one in process.net_connections("inet"):
                if one.status == psutil.CONN_LISTEN:
                    yield one.laddr.ip
        except psutil.Error:  # it is gone
            continue
