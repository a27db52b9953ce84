"""The dashboards without Grafana: their queries asked of a Prometheus, and drawn as pages and pictures."""
