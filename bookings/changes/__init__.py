"""The change feed: Bookings tells of no change by itself, so it is looked at, remembered and compared."""
