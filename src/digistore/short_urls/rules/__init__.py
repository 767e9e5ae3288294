"""Decisions about short links: hosts, targets, codes, redirects and who or what clicks."""
