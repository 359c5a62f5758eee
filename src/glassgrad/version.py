"""The version, in one place, readable without importing anything."""

VERSION = "0.1.0"
