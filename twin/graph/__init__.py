"""What all APIs on the Graph hosts share: admission, throttling, errors, collections."""
