"""Random booking pages, and what their slots are by the documents: an oracle that shares no code with the product."""
