"""Pictures of what methods learn, a file for each suite, and their drawing to disk."""
