"""The fictional company that the console watches: its services, and what happened today."""

from __future__ import annotations

from dataclasses import dataclass
from math import cos, pi, sin
from zlib import crc32


@dataclass(frozen=True)
class Service:
    """Something that runs; ``errors`` is in percent, ``p95`` in milliseconds."""

    id: str
    summary: str
    team: str
    region: str
    version: str
    status: str
    p95: int
    errors: float
    instances: int
    deployed: str


@dataclass(frozen=True)
class Figure:
    """A number on the dashboard, and how it compares; ``trend`` is good, bad or flat."""

    label: str
    value: str
    unit: str
    change: str
    trend: str


@dataclass(frozen=True)
class Event:
    """A line of the activity list; ``kind`` is deploy, alert, scale or access."""

    kind: str
    who: str
    what: str
    service: str
    when: str


@dataclass(frozen=True)
class Region:
    """A data centre; ``load`` is in percent of its capacity."""

    name: str
    load: int


@dataclass(frozen=True)
class Deployment:
    """A version that was put in place."""

    version: str
    who: str
    when: str
    took: str


SERVICES = (
    Service("booking-api", "Books freight and reserves slots",
            "Bookings", "eu-north", "4.18.2", "healthy", 142, 0.02, 12, "12 min ago"),
    Service("carrier-portal", "Where hauliers see and accept loads",
            "Partners", "eu-west", "2.7.0", "healthy", 231, 0.05, 6, "yesterday"),
    Service("container-tracker", "Follows every box from quay to door",
            "Tracking", "eu-north", "9.3.1", "healthy", 88, 0.01, 18, "3 h ago"),
    Service("crane-telemetry", "Takes in readings from 46 cranes",
            "Quayside", "eu-north", "1.22.5", "degraded", 940, 1.84, 8, "5 h ago"),
    Service("customs-gateway", "Files declarations with the authorities",
            "Compliance", "eu-west", "3.1.4", "healthy", 410, 0.11, 4, "2 days ago"),
    Service("invoice-worker", "Prices, issues and sends invoices",
            "Finance", "eu-west", "5.0.9", "healthy", 320, 0.00, 3, "yesterday"),
    Service("manifest-store", "Keeps cargo manifests, seven years",
            "Compliance", "eu-north", "2.2.0", "healthy", 64, 0.00, 5, "6 days ago"),
    Service("notify", "E-mail, SMS and push to customers",
            "Platform", "us-east", "1.9.3", "healthy", 118, 0.07, 4, "5 h ago"),
    Service("quay-scheduler", "Gives each vessel a berth and a time",
            "Quayside", "eu-north", "6.4.0", "healthy", 205, 0.03, 6, "1 h ago"),
    Service("rates-engine", "Quotes a price in under a second",
            "Bookings", "us-east", "7.12.1", "down", 0, 100.0, 0, "26 min ago"),
    Service("route-planner", "Plans road and rail legs",
            "Tracking", "ap-south", "3.8.8", "healthy", 377, 0.09, 7, "yesterday"),
    Service("tariff-import", "Loads carrier tariffs every night",
            "Finance", "eu-west", "0.14.2", "paused", 0, 0.0, 0, "9 days ago"),
)  # fmt: skip

FIGURES = (
    Figure("Services healthy", "9", "of 12", "1 down, 1 degraded", "bad"),
    Figure("Deployments today", "23", "", "6 more than last Monday", "good"),
    Figure("Latency, 95th percentile", "212", "ms", "18 ms faster than last week", "good"),
    Figure("Error rate", "0.31", "%", "Above the target of 0.25 %", "bad"),
)

ACTIVITY = (
    Event("deploy", "Priya Raman", "deployed 4.18.2 to", "booking-api", "12 min ago"),
    Event("alert", "Watchdog", "opened an incident on", "rates-engine", "24 min ago"),
    Event("deploy", "Tomas Lind", "deployed 7.12.1 to", "rates-engine", "26 min ago"),
    Event("alert", "Watchdog", "saw slow answers from", "crane-telemetry", "38 min ago"),
    Event("scale", "Autoscaler", "added two instances to", "container-tracker", "1 h ago"),
    Event("access", "Alex Moreau", "rotated the deploy key of", "customs-gateway", "2 h ago"),
    Event("deploy", "Ines Okafor", "deployed 9.3.1 to", "container-tracker", "3 h ago"),
)

REGIONS = (Region("eu-north", 71), Region("eu-west", 54), Region("us-east", 38), Region("ap-south", 22))

# Requests a minute, every half hour of a day: quiet at night, busy in office hours.
_DAY = [cos(pi * i / 24) for i in range(49)]
TRAFFIC = tuple(round(5200 - 3300 * x + 620 * sin(i * 1.9) + 430 * cos(i * 4.3)) for i, x in enumerate(_DAY))


def by_id(service_id: str) -> Service | None:
    """Return one service."""
    return next((service for service in SERVICES if service.id == service_id), None)


def search(query: str) -> list[Service]:
    """Return the services whose name, team, region, status or summary holds every word of the query."""
    words = query.casefold().split()

    def matches(service: Service) -> bool:
        text = f"{service.id} {service.team} {service.region} {service.status} {service.summary}".casefold()
        return all(word in text for word in words)

    return [service for service in SERVICES if matches(service)]


def latency(service: Service) -> tuple[int, ...]:
    """Return the 95th percentile of the last day in milliseconds, every half hour."""
    phase = crc32(service.id.encode()) % 97
    usual = service.p95 or 180
    values = [usual * (0.86 + 0.09 * sin(i * 1.7 + phase) + 0.07 * cos(i * 3.1 + phase)) for i in range(49)]
    if service.status == "degraded":
        values = [value * max(0.3, 1.26 - 0.096 * (48 - i)) for i, value in enumerate(values)]
    if service.status == "down":
        values[-2:] = [0, 0]
    return tuple(round(value) for value in values)


def deployments(service: Service) -> tuple[Deployment, ...]:
    """Return the newest versions of a service, the present one first."""
    major, minor, patch = (int(part) for part in service.version.split("."))
    before = f"{major}.{minor}.{patch - 1}" if patch else f"{major}.{minor - 1}.4"
    versions = (service.version, before, f"{major}.{max(minor - 2, 0)}.1")
    people = ("Priya Raman", "Tomas Lind", "Ines Okafor", "Jonas Weber")
    start = crc32(service.id.encode()) % len(people)
    times = (service.deployed, "11 days ago", "19 days ago")
    return tuple(
        Deployment(version, people[(start + i) % 4], times[i], f"{1 + (start + i) % 3} min {14 + 9 * i} s")
        for i, version in enumerate(versions)
    )
