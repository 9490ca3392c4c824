"""The leaderboard: results and published figures, their comparison and their tables."""
