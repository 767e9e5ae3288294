"""Discounts: codes that take something off an order, within limits that the database holds."""
