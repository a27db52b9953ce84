"""The steps of a rollout, each a pure function from a look at the cluster to "go on" or to a verdict.

`decide.py` holds the table that orders them.
"""
