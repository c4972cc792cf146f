"""What the contenders are called in the tables."""

from __future__ import annotations

PLAIN, READ = "Flask-Login alone", "and one bare read"
FLOOR, FLOOR_PAGES = "floor", "floor, two pages of Flask-WTF"
WITHOUT, OURS = "flask_twofactor, no factor", "flask_twofactor"
POSTGRESQL, REDIS = "flask_twofactor on PostgreSQL", "and counters in Redis"
SECURITY, DJANGO, ALLAUTH = "Flask-Security-Too", "Django alone", "django-allauth"
