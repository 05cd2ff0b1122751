"""Orchestration: what becomes of a run when a client wants it in another state; `runs` is what others use of it."""
