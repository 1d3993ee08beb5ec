"""Sample worlds for the simulator, made by us; no real person, tenant or address."""
