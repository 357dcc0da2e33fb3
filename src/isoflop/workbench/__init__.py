"""The hall: where runs are planned, trained and remembered, and what they teach is asked for."""
