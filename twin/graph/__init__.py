"""What all rooms on the Graph hosts share: who may come in, throttling, error shapes, collections."""
