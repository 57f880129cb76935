"""One module per kind of source. ``directory import KIND`` finds them by their entry points.

Each has ``read(location, options, open_feed) -> Iterator[Item]``. It sees records, vocabulary
and feeds only; what all sources share (places, time zones, duplicates) is in ``directory.load``.
"""
