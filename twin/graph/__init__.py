"""What all apis on the Graph hosts share: who may come in, throttling, error shapes, collections."""
