"""Reads Microsoft Bookings: businesses, services, staff, customers, appointments."""
