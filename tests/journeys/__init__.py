"""The journeys of the person who logs in, walked in a real Chromium."""
