"""What we ask: questionnaires, answers, random assignment, releases."""
