"""Training: one step loop, resumable to the bit; each objective says only what differs."""
