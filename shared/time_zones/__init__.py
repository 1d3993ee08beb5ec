"""Time zones by IANA and Windows name, and moments."""
