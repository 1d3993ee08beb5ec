"""Questions about Microsoft Bookings: the catalogue, appointments, availability and free slots."""
