"""Several processes that serve gRPC on one port, under one that serves everything else.

`supervisor.py` starts and watches them, `channel.py` is what the two sides say to each other, `merging.py`
makes one page of all their metrics. A worker's own side is the hidden command `listings worker`.
"""
