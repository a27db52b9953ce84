"""Lines of the operator's log are JSON, whatever stands in them."""

from __future__ import annotations

import json
import logging

from listings_operator.__main__ import _JsonFormatter


def test_a_line_is_one_object_with_its_exception():
    try:
        raise ValueError('two\nlines and "quotes"')
    except ValueError as error:
        info = (ValueError, error, error.__traceback__)
    record = logging.LogRecord("a.b", logging.WARNING, __file__, 1, "%s failed", ("shop",), info)
    text = _JsonFormatter().format(record)
    assert "\n" not in text
    line = json.loads(text)
    assert (line["level"], line["logger"], line["message"]) == ("warning", "a.b", "shop failed")
    assert 'two\nlines and "quotes"' in line["exception"]
    assert line["time"].endswith("+00:00")
