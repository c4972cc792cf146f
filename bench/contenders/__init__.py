"""The consoles that are compared, each in a process of its own; each module has ``make(folder, options)``."""
