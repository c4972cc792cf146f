"""What is decided, a file a journey: knows the state, no request."""
