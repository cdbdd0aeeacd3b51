"""How close it gets: measures of danger between road users, from tracks; one per file."""
