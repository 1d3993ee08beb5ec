"""Azure's front end of function apps: ends TLS for the public names of servers on this machine."""
