"""`callchart doctor`: looks at each part that a service needs, one by one, and says what to do."""
