"""The change feed: Bookings does not report changes, so the gateway scans a business and compares the scans."""
