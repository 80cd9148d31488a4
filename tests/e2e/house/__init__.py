"""What the end-to-end tests stand on: the gateway, what stands behind it, and browsers in front of it."""
