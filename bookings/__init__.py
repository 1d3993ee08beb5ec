"""Microsoft Bookings: reads it, finds free time, writes appointments and customers, records changes."""
