"""Mail that comes in: taken in raw (`receiving`), read (`verdict` and its parts), matched with what was sent
(`matching`), and acted upon once (`effects`); what nobody could place waits (`waiting`).
"""
