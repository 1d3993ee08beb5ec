"""Api of Microsoft Bookings on the Graph hosts: /solutions/bookingBusinesses and /solutions/bookingCurrencies."""
