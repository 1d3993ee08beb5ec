"""Never deployed: the commands, the local Functions host, rehearsals, fuzzer and connector sources."""
