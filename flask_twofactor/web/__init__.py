"""HTTP to flows and back: a view reads the request, calls one flow, touches the session, renders."""
