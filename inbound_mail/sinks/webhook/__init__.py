"""The webhook sink: signed CloudEvents."""
