"""`callchart doctor`: checks each part that a service needs, and says how to mend it."""
