"""A caller out of hand: python tests/alerts_live/flood.py HOST:PORT CALLS_PER_SECOND, until it is ended."""

from __future__ import annotations

import asyncio
import itertools
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from bench.load import Generator

from listings.v1 import listings_pb2 as pb

if __name__ == "__main__":
    question = pb.CheckStockAvailabilityRequest(items=[pb.StockItem(product_id=1, quantity=1)])
    asked = itertools.repeat(("CheckStockAvailability", question.SerializeToString()))
    asyncio.run(Generator(sys.argv[1]).constant_rate(asked, per_second=float(sys.argv[2]), seconds=600))
