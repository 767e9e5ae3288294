"""The objects of the API, a file for each noun: how one is made, what rules hold, how it moves.

What a request may do and what the world does go through the same functions, so they cannot differ.
"""
