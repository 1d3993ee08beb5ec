"""Support mailboxes: every mail becomes exactly one ticket."""
