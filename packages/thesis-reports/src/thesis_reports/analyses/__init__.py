"""Analyses, one question a file; each has ``run_report(cfg)`` and a line in the registry."""
