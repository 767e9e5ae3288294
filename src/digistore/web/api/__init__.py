"""The JSON API: an allow-list of operations, what they take and what they tell.

It owns the wire: names, bounds, media types. It decides nothing: each operation is one call of the
store, by whoever asks.
"""
