"""What the doubles of payment providers share: a server on loopback, bad networks, and the wire.

It must know no provider.
"""
