"""Who may do what: the web service and the command line around a survey."""
