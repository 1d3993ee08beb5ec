"""What all APIs of the twin share: HTTP, routing, faults, the record of exchanges and the control path."""
