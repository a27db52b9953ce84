"""The dashboards, one module each, in the words of `panels.py`; `tools/dashboards.py` writes them as Grafana's JSON."""
