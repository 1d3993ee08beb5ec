"""Writes to Microsoft Bookings: appointments and customers, each write once."""
