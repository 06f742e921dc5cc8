"""The engine: bounded, retried, resumable work on units. Ray by default; the serial crew is its specification."""
