"""Receipts: what was sold, printed once, with a number that has no gap before it.

It owns receipts, credit notes and debit notes. It must never change one that exists: what turns
out otherwise gets a document of its own.
"""
