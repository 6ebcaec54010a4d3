"""How fast the analysis is, and whether its intervals hold what they promise."""
