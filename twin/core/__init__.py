"""What every api of the simulator stands on: the wire, routing, faults, the record and the control path."""
